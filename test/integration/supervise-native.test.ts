import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { join } from "node:path";
import { buildNative } from "../../scripts/build-native.ts";
import { fuzzNative } from "../../scripts/fuzz-native.ts";
import { Supervisor, sendSignal } from "../../src/supervise/index.ts";
import { bootId, nowNs } from "./supervise-fixture.ts";

test("the helper compiles without a warning", () => {
  const directory = mkdtempSync("/tmp/gantry-native-");
  try {
    expect(buildNative({ output: join(directory, "helper"), strict: true }).isNew).toBe(true);
    expect(buildNative({ output: join(directory, "helper"), strict: true }).isNew).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** `npm test` gives it a minute; see GANTRY_FUZZ_SECONDS in CONTRIBUTING. */
test("fuzzing finds nothing", () => {
  const result = fuzzNative(Number(process.env.GANTRY_FUZZ_SECONDS ?? 4));
  if ("skipped" in result) console.log(`skipped: ${result.skipped}`);
  else expect(result.failures).toEqual([]);
}, 300_000);

describe("a relay", () => {
  let supervisor: Supervisor;
  beforeAll(() => {
    supervisor = new Supervisor({ helperPath: buildNative().path, bootId, nowNs });
  });
  afterAll(() => supervisor.close());

  test("passes bytes and their end both ways, and a taken port is a conflict", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const target = String((server.address() as AddressInfo).port);
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const port = String((free.address() as AddressInfo).port);
    const args = ["--id", "c1", "tcp", "127.0.0.1", port, "127.0.0.1", target];
    await expect(supervisor.startRelay(args)).rejects.toMatchObject({ code: "conflict" });
    free.close();
    await once(free, "close");
    const relay = await supervisor.startRelay(args);
    try {
      const client = createConnection({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true });
      const sent = Buffer.alloc(1_000_000, "abc");
      const received: Buffer[] = [];
      client.on("data", (chunk: Buffer) => received.push(chunk));
      client.end(sent);
      await once(client, "end");
      expect(Buffer.concat(received).equals(sent)).toBe(true);
    } finally {
      sendSignal(relay, 9, bootId);
      server.close();
    }
  });

  test("passes datagrams back to whom they belong", async () => {
    const server = createSocket("udp4");
    server.on("message", (message, from) => server.send(`re ${message}`, from.port, from.address));
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    const probe = createSocket("udp4").bind(0, "127.0.0.1");
    await once(probe, "listening");
    const port = probe.address().port;
    probe.close();
    const relay = await supervisor.startRelay([
      "udp",
      "127.0.0.1",
      String(port),
      "127.0.0.1",
      String(server.address().port),
    ]);
    try {
      const answers = await Promise.all(
        ["a", "b"].map(async (text) => {
          const client = createSocket("udp4");
          client.send(text, port, "127.0.0.1");
          const [message] = (await once(client, "message")) as [Buffer];
          client.close();
          return message.toString();
        }),
      );
      expect(answers).toEqual(["re a", "re b"]);
    } finally {
      sendSignal(relay, 9, bootId);
      server.close();
    }
  });
});
