import { afterAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMakeCertificates } from "../../../test/support/certificates.ts";
import { openOfKind, pause, SERVER_KINDS, tlsOfKind } from "../../../test/support/http-clients.ts";
import { type HttpServer, serveHttp } from "./http-server.ts";
import { LINGER, type LingerLimits } from "./linger.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-linger-"));
afterAll(() => rmSync(folder, { recursive: true }));

const MIB = 1 << 20;
/** Longer than a test may take: what ends a connection is the other limit. */
const LONG_MS = 600_000;

describe.skipIf(!canMakeCertificates()).each(SERVER_KINDS)(
  "a server, %s, that has answered before it read a body",
  (kind) => {
    const refusing = async (
      linger: Partial<LingerLimits> = {},
      headers: Record<string, string> = {},
    ): Promise<{ server: HttpServer; socket: Socket }> => {
      const server = await serveHttp({
        hostname: "127.0.0.1",
        port: 0,
        ...tlsOfKind(kind, folder),
        linger: { ...LINGER, ...linger },
        handle: async () => new Response("no", { status: 403, headers }),
      });
      return { server, socket: await openOfKind(kind, server) };
    };
    const put = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

    /** Sends pieces of a body again and again until the server hangs up. @returns what it had answered */
    const untilEnded = async (socket: Socket, pieceBytes: number, pauseMs: number): Promise<string> => {
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.write(put);
      const piece = `${pieceBytes.toString(16)}\r\n${"x".repeat(pieceBytes)}\r\n`;
      while (!socket.destroyed) {
        if (pieceBytes > 0 && !socket.write(piece)) {
          await Promise.race([new Promise((resolve) => socket.once("drain", resolve)), closed]);
        }
        await pause(pauseMs);
      }
      return answer;
    };

    test("waits for the rest of it no longer than it may take in all, though bytes come", async () => {
      const { server, socket } = await refusing({ totalMs: 300, silentMs: LONG_MS });
      expect(await untilEnded(socket, 1, 10)).toStartWith("HTTP/1.1 403 ");
      await server.close();
    });

    test("nor for one that does not come", async () => {
      const { server, socket } = await refusing({ totalMs: LONG_MS, silentMs: 100 });
      expect(await untilEnded(socket, 0, 10)).toStartWith("HTTP/1.1 403 ");
      await server.close();
    });

    test("and takes no more than so much of it", async () => {
      const { server, socket } = await refusing({ totalMs: LONG_MS, silentMs: LONG_MS, bytesMax: 4 * MIB });
      await untilEnded(socket, MIB, 0);
      await server.close();
    });

    test("goes on with who sends the rest in time, with pauses, and limits nothing then", async () => {
      const { server, socket } = await refusing({ totalMs: 1000, silentMs: 500, bytesMax: 300 });
      const answers: string[] = [];
      socket.on("data", (chunk) => answers.push(String(chunk)));
      const put = "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 300\r\n\r\n";
      socket.write(put);
      for (let count = 0; count < 3; count += 1) {
        socket.write(new Uint8Array(100));
        await pause(100);
      }
      await pause(1000);
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      while ((answers.join("").match(/HTTP\/1\.1 403 /g) ?? []).length < 2) await pause(2);
      expect(socket.destroyed).toBe(false);
      socket.destroy();
      await server.close();
    });

    test.each<Record<string, string>>([{}, { connection: "close" }])(
      "tells that also who reads only when all is sent (%j)",
      async (headers) => {
        const { server, socket } = await refusing({}, headers);
        socket.pause();
        socket.write("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 64000000\r\n\r\n");
        for (let sent = 0; sent < 64; sent += 1) {
          if (!socket.write(new Uint8Array(1_000_000))) await once(socket, "drain");
        }
        const [answer] = await Promise.all([once(socket, "data"), socket.resume()]);
        expect(String(answer[0])).toStartWith("HTTP/1.1 403 ");
        socket.destroy();
        await server.close();
      },
    );
  },
);
