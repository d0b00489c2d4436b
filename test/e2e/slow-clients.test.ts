import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";

const skip = daemonSkipReason();
if (skip !== undefined) console.log(`skipped: ${skip}`);

const MIB = 1024 * 1024;
const LINE = `${"0123456789abcdef".repeat(64)}\n`;
const COUNT = Math.ceil((100 * MIB) / LINE.length);
/**
 * Above what the daemon has at rest: less than one of the clients would cost whose output waited in memory. Their own buffers are
 * some hundred KiB; most of the growth is what the collector leaves lying.
 */
const GROWTH_BYTES = 80 * MIB;

describe.skipIf(skip !== undefined)("clients that do not read what they asked for", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
  }, 60_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  const memoryBytes = (field: "VmRSS" | "VmHWM") =>
    Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))?.[1]) * 1024;

  /** A container that is ready to print 100 MB, with a log that holds them. */
  async function create(name: string): Promise<string> {
    const { Id } = await daemon.api().createContainer(
      {
        Image: "busybox",
        Cmd: ["sh", "-c", `yes ${LINE.trim()} | head -n ${COUNT}`],
        HostConfig: { NetworkMode: "none", LogConfig: { Type: "json-file", Config: { "max-size": "1g" } } },
      },
      { name },
    );
    return Id;
  }

  const logBytes = (id: string): number => {
    const folder = join(daemon.root, "containers", id, "log");
    return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
  };

  /** Sends a request and reads the head of its answer, nothing more. */
  async function ask(method: string, path: string): Promise<Socket> {
    const socket = createConnection(daemon.socketPath);
    socket.write(`${method} /v1.47${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
    await new Promise((resolve) => socket.once("readable", resolve));
    socket.read(1);
    return socket;
  }

  async function linesInLog(id: string): Promise<number> {
    let bytes = 0;
    let isRight = true;
    let rest = "";
    for await (const frame of await daemon.api().containerLogs(id, { stdout: true, stderr: true })) {
      const text = rest + Buffer.from(frame.bytes).toString();
      bytes += frame.bytes.byteLength;
      const lines = text.split("\n");
      rest = lines.pop() ?? "";
      isRight &&= lines.every((line) => line === LINE.trim());
    }
    expect([isRight, rest]).toEqual([true, ""]);
    return bytes / LINE.length;
  }

  test("one that never reads holds the container up until it goes; the log is whole", async () => {
    const id = await create("held");
    const client = await ask("POST", `/containers/${id}/attach?stream=1&stdout=1`);
    await daemon.api().startContainer(id);
    let before = -1;
    let standing = 0;
    await until("the container is held up", () => {
      const size = logBytes(id);
      standing = size === before && size > 0 ? standing + 1 : 0;
      before = size;
      return standing === 20;
    });
    expect(before).toBeLessThan(4 * MIB);
    client.destroy();
    expect(await (await daemon.api().waitContainer(id)).result).toEqual({ StatusCode: 0 });
    expect(await linesInLog(id)).toBe(COUNT);
  });

  test("they cost bounded memory while 100 MB are printed, and those that read get all of it", async () => {
    // Once before it counts: what the code itself and the collector take.
    await linesInLog("held");
    const restBytes = memoryBytes("VmRSS");
    const id = await create("printed");
    const silent = await Promise.all([
      ask("GET", `/containers/${id}/logs?follow=1&stdout=1`),
      ask("GET", "/events"),
      ask("GET", "/events?since=1"),
    ]);
    const gone = await ask("POST", `/containers/${id}/attach?stream=1&stdout=1`);
    const { output } = await daemon.api().attachContainer(id, { stream: true, stdout: true });
    await daemon.api().startContainer(id);
    const followers = await Promise.all(
      [1, 2, 3].map(() => ask("GET", `/containers/${id}/logs?follow=1&stdout=1&stderr=1`)),
    );
    gone.destroy();
    let read = 0;
    for await (const { bytes } of output) {
      read += bytes.byteLength;
      // A slow one: it lets the daemon run far ahead, if that can.
      if (read % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(read).toBe(COUNT * LINE.length);
    expect(await (await daemon.api().waitContainer(id)).result).toEqual({ StatusCode: 0 });
    expect(await linesInLog(id)).toBe(COUNT);
    expect(memoryBytes("VmHWM") - restBytes).toBeLessThan(GROWTH_BYTES);
    for (const socket of [...silent, ...followers]) socket.destroy();
  });
});
