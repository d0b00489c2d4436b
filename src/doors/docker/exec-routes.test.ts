import { expect, test } from "bun:test";
import { CONTAINER_ID, doorParts, engineDouble, SessionDouble, serveDoor } from "../../../test/support/door-double.ts";
import { GantryError } from "../../errors/gantry-error.ts";

test("an exec remembers its detach keys, and a start with a body takes the connection over", async () => {
  const session = new SessionDouble();
  session.onTyped = (text) => session.print("stdout", text.toUpperCase());
  const engine = engineDouble({ startExec: async () => session });
  await using door = await serveDoor(doorParts({ engine }));
  const { Id } = await door.api.createExec("web", {
    Cmd: ["sh", "-i"],
    Tty: true,
    AttachStdin: true,
    AttachStdout: true,
    DetachKeys: "ctrl-x",
  });
  const stdio = await door.api.startExec(Id, { Tty: true, ConsoleSize: [24, 80] });
  await stdio.write(Buffer.from("abc"));
  const output = stdio.output[Symbol.asyncIterator]();
  expect(Buffer.from((await output.next()).value?.bytes ?? []).toString()).toBe("ABC");
  await stdio.write(Uint8Array.of(24));
  expect((await output.next()).done).toBe(true);
  expect(await door.api.inspectExec(Id)).toMatchObject({
    ID: Id,
    ContainerID: CONTAINER_ID,
    ProcessConfig: { entrypoint: "sh", arguments: ["-i"], tty: true },
  });
});

test("an exec that cannot begin is told in its stream, as docker's client wants it; a detached one by a status", async () => {
  const message = 'exec: "nope": executable file not found in $PATH';
  const startExec = () => Promise.reject(new GantryError("not-found", message, { exitCode: 127 }));
  await using door = await serveDoor(doorParts({ engine: engineDouble({ startExec }) }));
  const { Id } = await door.api.createExec("web", { Cmd: ["nope"], AttachStdout: true, AttachStderr: true });
  const frames = await Array.fromAsync((await door.api.startExec(Id, {})).output);
  expect(frames.map(({ stream, bytes }) => [stream, Buffer.from(bytes).toString()])).toEqual([
    ["stderr", `${message}\r\n`],
  ]);
  const terminal = await door.api.createExec("web", { Cmd: ["nope"], Tty: true, AttachStdout: true });
  const shown = await Array.fromAsync((await door.api.startExec(terminal.Id, { Tty: true })).output);
  expect(shown.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual([`${message}\r\n`]);
  const detached = await door.api.createExec("web", { Cmd: ["nope"], Detach: true });
  await expect(door.api.startExecDetached(detached.Id)).rejects.toMatchObject({ status: 400, message });
});
