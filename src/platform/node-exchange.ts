import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpPeer, HttpServerOptions } from "./http-server.ts";
import type { IncomingBody } from "./incoming-body.ts";

/** A request as node:http has it, and where its answer goes. */
export interface NodeExchange {
  readonly scheme: "http" | "https";
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: IncomingBody;
  readonly peer: HttpPeer;
  /** A connection on which the client has to act, and does not, is ended after so long. */
  readonly idleSeconds: number;
}

/** Answers a request of node:http by what answers those of Bun's own server. Never throws. */
export async function answerNode(
  { scheme, incoming, outgoing, body, peer, idleSeconds }: NodeExchange,
  handle: HttpServerOptions["handle"],
): Promise<void> {
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  // A body that breaks off while nobody reads it.
  incoming.on("error", () => {});
  outgoing.once("finish", () => body.discard());
  try {
    const request = toRequest(incoming, { scheme, signal: gone.signal, body: body.stream });
    if (request === undefined) return void outgoing.writeHead(400, { connection: "close" }).end();
    const { socket } = incoming;
    // The answer is awaited, however long it takes to make.
    const untilAnswer = (): void => void socket.setTimeout(0);
    if (request.body === null) untilAnswer();
    else incoming.once("end", untilAnswer);
    const response = await handle(request, peer);
    incoming.off("end", untilAnswer);
    socket.setTimeout(idleSeconds * 1000);
    if (peer.mustWait === true) response.headers.set("connection", "close");
    // As Bun's server does: a body whose length nobody said is in memory.
    const bytes = response.headers.has("content-length") ? undefined : await readBytes(request, response);
    const length = bytes === undefined ? [] : ["content-length", String(bytes.byteLength)];
    outgoing.writeHead(response.status, [...[...response.headers].flat(), ...length]);
    if (bytes !== undefined) outgoing.end(bytes);
    else if (response.body === null) outgoing.end();
    else await send(response.body, outgoing, gone.signal);
  } catch {
    // The client went, or the file did in the middle of the answer: it sees a broken one.
    outgoing.destroy();
  }
}

/** Sends a body no faster than the client takes it. @throws if the body fails, or the client goes */
async function send(body: ReadableStream<Uint8Array>, outgoing: ServerResponse, gone: AbortSignal): Promise<void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!outgoing.write(value)) await once(outgoing, "drain", { signal: gone });
      gone.throwIfAborted();
    }
  } catch (error) {
    await reader.cancel(error).catch(() => undefined);
    throw error;
  }
  outgoing.end();
}

/** @returns undefined for an answer that says nothing of a body (RFC 9110, sections 6.4.1 and 8.6) */
async function readBytes(request: Request, response: Response): Promise<Uint8Array | undefined> {
  if (response.body !== null) return new Uint8Array(await response.arrayBuffer());
  const hasNone = request.method === "HEAD" || response.status === 204 || response.status === 304;
  return hasNone ? undefined : new Uint8Array();
}

/** @returns undefined for a request whose target is no path (RFC 9112, section 3.2) */
function toRequest(
  incoming: IncomingMessage,
  {
    scheme,
    signal,
    body,
  }: { readonly scheme: string; readonly signal: AbortSignal; readonly body: ReadableStream<Uint8Array> },
): Request | undefined {
  const { method = "GET", headers, rawHeaders, url = "/" } = incoming;
  const said = `${scheme}://${headers.host ?? "localhost"}${url}`;
  const isHost = URL.canParse(said);
  const address = isHost ? said : `${scheme}://localhost${url}`;
  if (!url.startsWith("/") || !URL.canParse(address)) return undefined;
  const all = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    all.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  }
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  const request = new Request(address, {
    method,
    headers: all,
    signal,
    ...(hasBody && method !== "GET" && method !== "HEAD" ? { body } : {}),
  });
  // What cannot be read is handed on as it is, as by Bun's server.
  return isHost ? request : Object.defineProperty(request, "url", { value: said });
}
