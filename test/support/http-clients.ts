import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { ServerTls } from "../../src/platform/http/server-tls.ts";
import { makeAuthority } from "./certificates.ts";

/** How servers of `serveHttp` are reached. */
export const SERVER_KINDS = ["plain", "with TLS", "for clients' certificates"];

/** What a server that asks for certificates is opened with. */
export function makeServerTls(folder: string): ServerTls & { readonly clientAuthority: string } {
  const { certificate, key } = makeAuthority(folder);
  const cert = readFileSync(certificate, "utf8");
  return { cert, key: readFileSync(key, "utf8"), clientAuthority: cert };
}

/** The option of a server of that kind. */
export function tlsOfKind(kind: string, folder: string): { readonly tls?: ServerTls } {
  if (kind === "plain") return {};
  const { clientAuthority, ...tls } = makeServerTls(folder);
  return { tls: kind === "with TLS" ? tls : { ...tls, clientAuthority } };
}

export async function openTls({ port }: { readonly port: number }): Promise<TLSSocket> {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

/** A connection to a server of that kind. */
export async function openOfKind(kind: string, server: { readonly port: number }): Promise<Socket> {
  if (kind !== "plain") return await openTls(server);
  const socket = connectTcp(server.port, "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** All that comes until the connection closes. */
export async function answerOf(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  await once(socket, "close");
  return text;
}

export const pause = (ms: number): Promise<"later"> => new Promise((resolve) => setTimeout(() => resolve("later"), ms));
