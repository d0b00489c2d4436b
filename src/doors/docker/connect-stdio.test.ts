import { expect, test } from "bun:test";
import {
  containerDouble,
  doorParts,
  engineDouble,
  SessionDouble,
  serveDoor,
} from "../../../test/support/door-double.ts";
import { talk } from "../../../test/support/talk.ts";
import type { ContainerConfig } from "../../engine/container/container-config.ts";

function attachable(session: SessionDouble, config: Partial<ContainerConfig> = {}) {
  const container = containerDouble({ config: { image: "busybox", openStdin: true, stdinOnce: true, ...config } });
  return doorParts({ engine: engineDouble({ attach: async () => session }, container) });
}

test("attach carries both streams in frames, input, and the end of input alone", async () => {
  const session = new SessionDouble();
  session.onTyped = (text) => session.print("stdout", `got ${text}`);
  session.onStdinClosed = () => {
    session.print("stderr", "bye");
    session.end();
  };
  await using door = await serveDoor(attachable(session));
  const stdio = await door.api.attachContainer("web", { stream: true, stdin: true, stdout: true, stderr: true });
  await stdio.write(Buffer.from("hello"));
  const output = stdio.output[Symbol.asyncIterator]();
  expect(Buffer.from((await output.next()).value?.bytes ?? []).toString()).toBe("got hello");
  await stdio.closeStdin();
  const last = (await output.next()).value;
  expect([last?.stream, Buffer.from(last?.bytes ?? []).toString()]).toEqual(["stderr", "bye"]);
  expect((await output.next()).done).toBe(true);
  expect(session.isClosed).toBe(true);
});

test("what was typed along with the request is not lost", async () => {
  const session = new SessionDouble();
  session.onTyped = (text) => {
    session.print("stdout", `[${text}]`);
    session.end();
  };
  await using door = await serveDoor(attachable(session));
  const head = ["POST /attach HTTP/1.1", "Host: x", "Connection: Upgrade", "Upgrade: tcp"]
    .join("\r\n")
    .replace("/attach", "/v1.41/containers/web/attach?stream=1&stdin=1&stdout=1");
  const answer = await talk(door.socketPath, `${head}\r\n\r\nearly`);
  expect(answer).toStartWith("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n");
  expect(answer).toEndWith("\x01\0\0\0\0\0\0\x07[early]");
});

test("a client that does not ask to upgrade gets status 200, then the streams", async () => {
  const session = new SessionDouble();
  session.print("stdout", "old");
  session.end();
  await using door = await serveDoor(attachable(session));
  const line = "POST /containers/web/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  const answer = await talk(door.socketPath, line);
  expect(answer).toStartWith("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
  expect(answer).toEndWith("\x03old");
});

test("a terminal's stream is raw, and the detach keys end it", async () => {
  const session = new SessionDouble();
  await using door = await serveDoor(attachable(session, { tty: true }));
  const stdio = await door.api.attachContainer("web", { stream: true, stdin: true, stdout: true, detachKeys: "a,b" });
  session.print("stdout", "raw");
  const output = stdio.output[Symbol.asyncIterator]();
  expect(Buffer.from((await output.next()).value?.bytes ?? []).toString()).toBe("raw");
  await stdio.write(Buffer.from("xaab"));
  expect((await output.next()).done).toBe(true);
  expect(session.typed.join("")).toBe("xa");
});

test("an attached client that goes frees the session, even if it had ended its input before", async () => {
  for (const half of [false, true]) {
    const session = new SessionDouble();
    await using door = await serveDoor(attachable(session));
    const stdio = await door.api.attachContainer("web", { stream: true, stdin: true, stdout: true });
    if (half) await stdio.closeStdin();
    stdio.close();
    await session.closed;
  }
});

test("a client that does not read slows the program down", async () => {
  const session = new SessionDouble();
  for (let count = 0; count < 400; count++) session.print("stdout", new Uint8Array(64 * 1024));
  session.end();
  await using door = await serveDoor(attachable(session));
  const stdio = await door.api.attachContainer("web", { stream: true, stdout: true });
  let waiting = -1;
  while (waiting !== session.waiting) {
    waiting = session.waiting;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  expect(waiting).toBeGreaterThan(300);
  let received = 0;
  for await (const { bytes } of stdio.output) received += bytes.byteLength;
  expect(received).toBe(400 * 64 * 1024);
});

test("attaching to what is not there is answered before the connection is taken over", async () => {
  await using door = await serveDoor(doorParts());
  await expect(door.api.attachContainer("nope", { stream: true })).rejects.toThrow("No such container: nope");
});
