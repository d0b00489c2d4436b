import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMakeCertificates } from "../../../test/support/certificates.ts";
import { answerOf, makeServerTls, openTls } from "../../../test/support/http-clients.ts";
import { serveWithClientCertificates } from "./client-certificate-server.ts";
import { serveHttp } from "./http-server.ts";
import { OpenConnections } from "./open-connections.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-client-certificates-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(!canMakeCertificates())("a server that asks for certificates", () => {
  test("sends away who does not finish the handshake, and nobody else", async () => {
    const connections = new OpenConnections(120_000);
    const server = await serveWithClientCertificates({
      hostname: "127.0.0.1",
      port: 0,
      tls: makeServerTls(folder),
      connections,
      mustWait: () => false,
      handshakeSeconds: 2,
      handle: async () => new Response("here"),
    });
    const quick = await openTls(server);
    const slow = connectTcp(server.port, "127.0.0.1");
    await once(slow, "close");
    quick.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await answerOf(quick)).toContain("here");
    await connections.end(0);
    await server.stop(true);
  });

  test("answers before it has read a body, and lets the rest go by", async () => {
    const server = await serveHttp({
      hostname: "127.0.0.1",
      port: 0,
      tls: makeServerTls(folder),
      handle: async (request) => {
        await request.body?.cancel();
        return new Response("no", { status: 403 });
      },
    });
    const socket = await openTls(server);
    const sizeBytes = 8 * 1024 * 1024;
    const answer = answerOf(socket);
    socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${sizeBytes}\r\n\r\n`);
    socket.write(new Uint8Array(sizeBytes));
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect((await answer).match(/HTTP\/1.1 403/g)).toHaveLength(2);
    await server.close();
  }, 30_000);
});
