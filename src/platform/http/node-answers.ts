import { once } from "node:events";
import { type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { nextTurn } from "../next-turn.ts";
import { releaseBytes } from "../release-bytes.ts";
import { hasBody } from "./body-end.ts";
import { ConnectionDescriptor } from "./connection-descriptor.ts";
import { spanOf } from "./file-body.ts";
import type { HttpPeer } from "./http-peer.ts";
import type { HttpServerOptions } from "./http-server-options.ts";
import type { IncomingBody } from "./incoming-body.ts";
import { LINGER, linger } from "./linger.ts";
import type { OpenConnections } from "./open-connections.ts";
import { parseTarget, type TargetProblem } from "./request-target.ts";

/** A request as node:http has it, and where its answer goes. */
export interface NodeExchange {
  readonly scheme: "http" | "https";
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly body: IncomingBody;
  readonly peer: HttpPeer;
}

export interface NodeAnswersOptions
  extends Pick<HttpServerOptions, "handle" | "linger" | "onUnreadable" | "onBadRequest"> {
  /** Is told on which of them something is asked. */
  readonly connections: OpenConnections;
}

/** Files from this size on are sent by the kernel: for less it costs more to find the descriptor. */
const KERNEL_BYTES = 1 << 20;

/** So much of a file at once, that others have their turn. */
const TURN_BYTES = 2 << 20;

/** So many requests of one connection may wait for the answer to another: one that sends more is ended. */
const WAITING_MAX = 256;

/**
 * Answers requests of node:http by what answers those of any server: one after the other on each connection (RFC 9112, section 9.3.2). node:http
 * tells of all that were sent together at once, and would keep in memory what is said to those that come later.
 */
export class NodeAnswers {
  readonly #options: NodeAnswersOptions;
  readonly #connections = new WeakMap<Socket, { last: Promise<void>; count: number }>();

  constructor(options: NodeAnswersOptions) {
    this.#options = options;
  }

  /** Sets up what of node:http itself the answers depend on. */
  prepare(server: Server): void {
    server.on("connect", (incoming) => void this.#refuseTunnel(incoming));
    // A client may say with its request that it sends no more, and waits for the answer: node:http's default ends the connection.
    Object.assign(server, { httpAllowHalfOpen: true });
    // The idle time of a connection counts, not the time that a request takes.
    server.requestTimeout = 0;
    server.keepAliveTimeout = this.#options.connections.idleMs;
  }

  /** Never throws. */
  async answer(exchange: NodeExchange): Promise<void> {
    const { incoming, outgoing, body } = exchange;
    const { connections } = this.#options;
    const gone = new AbortController();
    const over = Promise.withResolvers<void>();
    outgoing.once("close", () => {
      gone.abort();
      over.resolve();
    });
    // A body that breaks off while nobody reads it.
    incoming.on("error", () => {});
    outgoing.once("finish", () => void body.discard());
    const connection = this.#connections.get(incoming.socket) ?? { last: Promise.resolve(), count: 0 };
    this.#connections.set(incoming.socket, connection);
    const before = connection.last;
    connection.last = over.promise;
    connection.count += 1;
    connections.engage(incoming.socket);
    if (connection.count > WAITING_MAX) incoming.socket.destroy();
    if (connection.count > 1) await before;
    try {
      // After an answer that ends the connection none follows (RFC 9112, section 9.6).
      if (!gone.signal.aborted && incoming.socket.writable) await this.#answerNow(exchange, gone.signal);
    } catch {
      // The client went, or the file did in the middle of the answer: it sees a broken one.
      outgoing.destroy();
    }
    await over.promise;
    connection.count -= 1;
    if (connection.count === 0) connections.rest(incoming.socket);
  }

  /** CONNECT, for which node:http has no answer: it would end the connection. Never throws. */
  async #refuseTunnel(incoming: IncomingMessage): Promise<void> {
    const { socket } = incoming;
    await this.#connections.get(socket)?.last;
    try {
      const outgoing = new ServerResponse(incoming);
      outgoing.assignSocket(socket);
      outgoing.once("finish", () => void socket.end());
      const response = this.#badRequest("target");
      const bytes = await gather(undefined, response);
      writeHead(outgoing, response).end(bytes);
    } catch {
      // An answer that node:http gave by itself is still on its way.
      socket.destroy();
    }
  }

  #badRequest(problem: TargetProblem): Response {
    const response = this.#options.onBadRequest?.(problem) ?? new Response(undefined, { status: 400 });
    response.headers.set("connection", "close");
    return response;
  }

  async #answerNow(exchange: NodeExchange, signal: AbortSignal): Promise<void> {
    const { scheme, incoming, body, peer } = exchange;
    const target = parseTarget(incoming, scheme);
    if ("problem" in target) return await this.#sendWhole(undefined, this.#badRequest(target.problem), exchange);
    const request = toRequest(incoming, { ...target, signal, body: body.stream });
    const { socket } = incoming;
    // The answer is awaited, however long it takes to make.
    let isAnswered = false;
    const untilAnswer = (): void => void (isAnswered || socket.setTimeout(0));
    if (request.body === null) untilAnswer();
    else void body.whole.then(untilAnswer);
    const response = await this.#options.handle(request, peer);
    isAnswered = true;
    socket.setTimeout(this.#options.connections.idleMs);
    if (peer.mustWait === true || body.isBypassed) response.headers.set("connection", "close");
    if (response.headers.has("content-length") && response.body !== null) {
      await this.#stream(response, exchange, signal);
    } else await this.#sendWhole(request, response, exchange);
  }

  /** Sends a body no faster than the client takes it. @throws if the body fails in its middle, or the client goes */
  async #stream(response: Response, exchange: NodeExchange, gone: AbortSignal): Promise<void> {
    const { scheme, incoming, outgoing } = exchange;
    let left = Number(response.headers.get("content-length"));
    const body = response.body as ReadableStream<Uint8Array>;
    const span = spanOf(body);
    using kernel =
      span === undefined || scheme === "https" || left < KERNEL_BYTES
        ? undefined
        : ConnectionDescriptor.find(incoming.socket);
    const sendOn = (fd: number, position: number, bytesMax: number): number => {
      const sent = kernel?.send(fd, position, Math.min(bytesMax, TURN_BYTES)) ?? 0;
      left -= sent;
      return sent;
    };
    const chunks = span === undefined ? chunksOf(body) : span.chunks(kernel === undefined ? undefined : sendOn);
    const first = await chunks.next().catch((error: unknown) => {
      // What is made while it is sent has told its reason itself.
      if (error === undefined || this.#options.onUnreadable === undefined) throw error;
      return this.#options.onUnreadable(error);
    });
    if (first instanceof Response) return await this.#sendWhole(undefined, first, exchange);
    writeHead(outgoing, response);
    try {
      for (let next = first; next.done !== true; next = await chunks.next()) {
        left -= next.value.byteLength;
        // At once: whoever has the last byte may go on with the next request.
        if (left <= 0) await this.#end(next.value, exchange);
        else if (!outgoing.write(next.value)) await once(outgoing, "drain", { signal: gone });
        // What is held together is let go at the end of a turn, and what the kernel does not take is copied.
        if (span !== undefined) await nextTurn();
        if (span !== undefined && kernel === undefined) releaseBytes(next.value);
        if (left <= 0) return;
        gone.throwIfAborted();
      }
    } finally {
      await chunks.return().catch(() => undefined);
    }
    if (left > 0) outgoing.destroy();
    else outgoing.end();
  }

  /** As Bun's server does: a body whose length nobody said is in memory. */
  async #sendWhole(request: Request | undefined, response: Response, exchange: NodeExchange): Promise<void> {
    const bytes = await gather(request, response);
    writeHead(exchange.outgoing, response);
    await this.#end(bytes, exchange);
  }

  /** Sends the last bytes of an answer, and waits for the rest of the request before the answer ends, which may end the connection. */
  async #end(bytes: Uint8Array | undefined, { incoming, outgoing, body }: NodeExchange): Promise<void> {
    if (body.isWhole && !body.isBypassed) return void outgoing.end(bytes);
    outgoing.flushHeaders();
    if (bytes !== undefined && bytes.byteLength > 0) outgoing.write(bytes);
    const { connections, linger: limits = LINGER } = this.#options;
    // Where descriptors are few, and at the server's end, it goes before those that wait for an answer.
    connections.rest(incoming.socket);
    await linger(incoming.socket, body, limits);
    outgoing.end();
  }
}

/** Opens what is read only at the first chunk: Bun opens files for `getReader`, and throws there. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* body;
}

function writeHead(outgoing: ServerResponse, { status, headers }: Response): ServerResponse {
  return outgoing.writeHead(status, [...headers].flat());
}

/** A body in memory, whose length is said. @returns undefined for an answer without one (RFC 9110, sections 6.4.1 and 8.6) */
async function gather(request: Request | undefined, response: Response): Promise<Uint8Array | undefined> {
  const { headers, status } = response;
  const isHead = request?.method === "HEAD" || headers.has("content-length");
  if (response.body === null && (isHead || status === 204 || status === 304)) return undefined;
  const bytes = await response.bytes();
  headers.set("content-length", String(bytes.byteLength));
  return bytes;
}

function toRequest(
  incoming: IncomingMessage,
  { url, signal, body }: { readonly url: string } & Required<Pick<RequestInit, "signal" | "body">>,
): Request {
  const { method = "GET", rawHeaders } = incoming;
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  }
  const isSent = hasBody(incoming) && method !== "GET" && method !== "HEAD";
  return new Request(url, { method, headers, signal, ...(isSent ? { body } : {}) });
}
