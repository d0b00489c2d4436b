import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash-digest.ts";
import { canMakeCertificates, makeAuthority } from "../support/certificates.ts";
import { until } from "../support/daemon.ts";
import { pushBlob } from "../support/push-content.ts";
import { RegistryProcess } from "../support/registry-process.ts";

/** Starts a program that may have so few files open. */
const FEW = ["sh", "-c", 'ulimit -n 64 && exec "$0" "$@"'];

describe("a registry that may have few files open", () => {
  let registry: RegistryProcess;
  beforeAll(async () => {
    registry = await RegistryProcess.start({ before: FEW });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  test("ends idle connections for those who want something, and tells its operator", async () => {
    const idle = await Promise.all(Array.from({ length: 100 }, () => open(registry)));
    for (const socket of idle) socket.write("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
    const digest = await again(() => pushBlob(`${registry.url}/v2/few`, "a blob"));
    expect(await again(() => head(`${registry.url}/v2/few/blobs/${digest}`))).toBe(200);
    const said = "few of the 64 files that the registry may have open are left";
    await until("its operator is told", () => registry.log.includes(said));
    for (const socket of idle) socket.destroy();
  });

  test("tells some of many that push at once to come again, and loses nothing", async () => {
    const pushes = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const socket = await open(registry);
        return { bytes: randomBytes(2000), socket, answer: readAll(socket) };
      }),
    );
    for (const { bytes, socket } of pushes) {
      const path = `/v2/many/blobs/uploads/?digest=${digestOf(bytes)}`;
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n`);
      socket.write(bytes.subarray(0, 1000));
    }
    // Before one of them can end, one is refused.
    await Promise.race(pushes.map(({ answer }) => answer));
    for (const { bytes, socket } of pushes) socket.write(bytes.subarray(1000));
    const told = await Promise.all(pushes.map(async ({ bytes, answer }) => ({ bytes, answer: await answer })));
    const refused = told.filter(({ answer }) => !answer.startsWith("HTTP/1.1 201"));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(40);
    for (const { answer } of refused) {
      expect(answer).toStartWith("HTTP/1.1 503");
      expect(answer.toLowerCase()).toContain("\r\nretry-after: 1\r\n");
      expect(answer).toMatch(/\{"errors":\[\{"code":"UNAVAILABLE","message":".*try again in a moment.*"\}\]\}$/);
    }
    for (const { bytes } of refused) await again(() => pushBlob(`${registry.url}/v2/many`, bytes));
    const heads = told.map(({ bytes }) => again(() => head(`${registry.url}/v2/many/blobs/${digestOf(bytes)}`)));
    expect(new Set(await Promise.all(heads))).toEqual(new Set([200]));
    expect(readdirSync(join(registry.root, "uploads"))).toEqual([]);
    expect(registry.isRunning).toBe(true);
  });
});

test.skipIf(!canMakeCertificates())(
  "a registry that may have few files open, and asks for certificates, ends who does not go on with a handshake for who comes",
  async () => {
    using made = new DisposableStack();
    const folder = made.adopt(mkdtempSync(join(tmpdir(), "gantry-few-")), (path) => rmSync(path, { recursive: true }));
    const { certificate, key } = makeAuthority(folder);
    const config = join(folder, "registry.toml");
    writeFileSync(
      config,
      `[tls]\ncertificate = "${certificate}"\nkey = "${key}"\nclient-authority = "${certificate}"\n`,
    );
    await using registry = await RegistryProcess.start({ before: FEW, args: ["--config", config] });
    const silent = await Promise.all(Array.from({ length: 100 }, () => open(registry)));
    for (const socket of silent) socket.write(new Uint8Array([22, 3, 1]));
    const options = { tls: { rejectUnauthorized: false } };
    expect((await fetch(`https://${registry.host}/v2/`, options)).status).toBe(200);
    for (const socket of silent) socket.destroy();
  },
);

test("without a descriptor left nothing is taken for lost, no file is left behind, and the process lives", () => {
  const program = join(import.meta.dir, "../support/without-descriptors.ts");
  const [file = "", ...rest] = [...FEW, process.execPath, program];
  expect(JSON.parse(execFileSync(file, rest, { encoding: "utf8" }))).toEqual({
    read: "unavailable",
    take: "EMFILE",
    isStillThere: true,
    worker: "unavailable",
    isAlive: true,
  });
});

async function open(registry: RegistryProcess): Promise<Socket> {
  const socket = connect(registry.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, "close");
  return text;
}

async function head(url: string): Promise<number> {
  const { status } = await fetch(url, { method: "HEAD" });
  if (status === 503) throw new Error("it is to be asked again");
  return status;
}

/** As clients do that are told to come again. */
async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 30) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
