import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMakeCertificates } from "../../../test/support/certificates.ts";
import { makeServerTls, pause } from "../../../test/support/http-clients.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";
import { madeBody } from "./made-body.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-made-body-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("an answer that is made while it is sent has its length", async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 40; count += 1) {
      await pause(0);
      yield Buffer.alloc(50_000, "x");
    }
  }
  const handle = async (): Promise<Response> =>
    new Response(
      madeBody(chunks(), () => undefined),
      { headers: { "content-length": "2000000" } },
    );
  const server = await serveHttp({ hostname: "127.0.0.1", port: 0, handle });
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  expect(response.headers.get("content-length")).toBe("2000000");
  expect((await response.text()) === "x".repeat(2_000_000)).toBe(true);
  await server.close();
});

test("an answer that fails in the middle ends the connection, and its reason is told", async () => {
  const reasons: unknown[] = [];
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(10);
    await pause(20);
    throw new Error("the source broke");
  }
  const handle = async (): Promise<Response> =>
    new Response(
      madeBody(failing(), (error) => void reasons.push(error)),
      { headers: { "content-length": "20" } },
    );
  const plain = { hostname: "127.0.0.1", port: 0, handle };
  const servers = [await serveHttp(plain)];
  const client = async (server: HttpServer, scheme: string): Promise<void> => {
    const options = { tls: { rejectUnauthorized: false } };
    const answer = await fetch(`${scheme}://127.0.0.1:${server.port}/`, options);
    expect(answer.status).toBe(200);
    await expect(answer.bytes()).rejects.toThrow();
  };
  for (const server of servers) await client(server, "http");
  if (canMakeCertificates()) {
    const secure = await serveHttp({ ...plain, tls: makeServerTls(folder) });
    servers.push(secure);
    await client(secure, "https");
  }
  expect(reasons.map(String)).toEqual(servers.map(() => "Error: the source broke"));
  for (const server of servers) await server.close();
});
