import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Trace } from "../../trace/trace.ts";
import { RequestError } from "./error-status.ts";
import { type AnswerStream, type Exchange, type Hijacked, readJsonBody } from "./exchange.ts";
import { hijackedSocket } from "./hijacked-socket.ts";
import type { Query } from "./query.ts";

/** What was found out about a request before it is handled. */
export interface RequestLine {
  readonly method: string;
  readonly path: string;
  readonly apiVersion: string;
  readonly query: Query;
  readonly parameters: Readonly<Record<string, string>>;
  readonly trace: Trace;
}

abstract class CommonExchange {
  readonly method: string;
  readonly path: string;
  readonly apiVersion: string;
  readonly query: Query;
  readonly trace: Trace;
  abstract readonly body: AsyncIterable<Uint8Array>;
  readonly #parameters: Readonly<Record<string, string>>;
  protected readonly request: IncomingMessage;
  protected readonly aborting = new AbortController();

  constructor(request: IncomingMessage, line: RequestLine) {
    this.request = request;
    this.method = line.method;
    this.path = line.path;
    this.apiVersion = line.apiVersion;
    this.query = line.query;
    this.trace = line.trace;
    this.#parameters = line.parameters;
  }

  hasAnswered = false;

  get signal(): AbortSignal {
    return this.aborting.signal;
  }

  parameter(name: string): string {
    const value = this.#parameters[name];
    if (value === undefined) throw new Error(`the route has no parameter ${name}`);
    return value;
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  readJson(): Promise<unknown> {
    return readJsonBody(this.request, this.body);
  }
}

/** An ordinary request. */
export class HttpExchange extends CommonExchange implements Exchange {
  readonly isUpgrade = false;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, line: RequestLine) {
    super(request, line);
    this.#response = response;
    response.on("close", () => {
      if (!response.writableFinished) this.aborting.abort(clientGone());
    });
    response.on("error", () => this.aborting.abort(clientGone()));
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.request;
  }

  break(): void {
    this.request.socket.destroy();
  }

  sendJson(status: number, value: unknown): void {
    this.sendText(status, `${JSON.stringify(value)}\n`, { "Content-Type": "application/json" });
  }

  sendStatus(status: number): void {
    this.hasAnswered = true;
    this.#response.writeHead(status).end();
  }

  sendText(status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
    const body = Buffer.from(text, "utf8");
    this.hasAnswered = true;
    this.#response.writeHead(status, {
      "Content-Type": "text/plain; charset=utf-8",
      ...headers,
      "Content-Length": body.byteLength,
    });
    this.#response.end(this.method === "HEAD" ? undefined : body);
  }

  openStream(contentType: string): AnswerStream {
    const response = this.#response;
    const { signal } = this;
    this.hasAnswered = true;
    response.writeHead(200, { "Content-Type": contentType });
    response.flushHeaders();
    return {
      async write(bytes) {
        if (signal.aborted || response.destroyed) throw clientGone();
        if (response.write(bytes)) return;
        await new Promise<void>((resolve, reject) => {
          const settle = (): void => {
            response.off("drain", settle);
            signal.removeEventListener("abort", settle);
            if (signal.aborted) reject(clientGone());
            else resolve();
          };
          response.on("drain", settle);
          signal.addEventListener("abort", settle);
        });
      },
      end: () => void response.end(),
    };
  }

  /** Without `Upgrade`, the form of the oldest clients: status 200, then the streams. */
  hijack(_contentType: string): Hijacked {
    const { socket } = this.request;
    this.hasAnswered = true;
    for (const event of HTTP_EVENTS) socket.removeAllListeners(event);
    socket.setTimeout(0);
    const hijacked = hijackedSocket(socket, new Uint8Array(0), () => this.aborting.abort(clientGone()));
    socket.write("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
    return hijacked;
  }
}

/** What node:http listens to on a connection: it has to let go of it. */
const HTTP_EVENTS = ["data", "end", "readable", "error", "close", "timeout", "drain", "finish"] as const;

/** A request that asks to upgrade: node:http has let go of its connection, so heads are written here. */
export class UpgradeExchange extends CommonExchange implements Exchange {
  readonly isUpgrade = true;
  readonly #socket: Socket;
  #early: Uint8Array;

  /** `early` is what was received after the head: the body, then what was typed already. */
  constructor(request: IncomingMessage, socket: Socket, early: Uint8Array, line: RequestLine) {
    super(request, line);
    this.#socket = socket;
    this.#early = early;
    socket.on("error", () => {});
    socket.on("close", () => this.aborting.abort(clientGone()));
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.#readBody();
  }

  break(): void {
    this.#socket.destroy();
  }

  sendJson(status: number, value: unknown): void {
    this.sendText(status, `${JSON.stringify(value)}\n`, { "Content-Type": "application/json" });
  }

  sendStatus(status: number): void {
    this.sendText(status, "");
  }

  sendText(status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
    this.hasAnswered = true;
    const fields = Object.entries({
      "Content-Type": "text/plain; charset=utf-8",
      ...headers,
      "Content-Length": String(Buffer.byteLength(text)),
      Connection: "close",
    });
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
      ...fields.map(([name, value]) => `${name}: ${value}`),
    ];
    this.#socket.end(`${head.join("\r\n")}\r\n\r\n${text}`);
    this.#socket.resume();
  }

  openStream(): AnswerStream {
    throw new RequestError(400, "this call cannot be upgraded: leave out the Upgrade header");
  }

  hijack(contentType: string): Hijacked {
    this.hasAnswered = true;
    const hijacked = hijackedSocket(this.#socket, this.#early, () => this.aborting.abort(clientGone()));
    const head = ["HTTP/1.1 101 UPGRADED", `Content-Type: ${contentType}`, "Connection: Upgrade", "Upgrade: tcp"];
    this.#socket.write(`${head.join("\r\n")}\r\n\r\n`);
    return hijacked;
  }

  /** What belongs to the body by its declared length; the rest stays for the stream. */
  async *#readBody(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.request.headers["transfer-encoding"] !== undefined) {
      throw new RequestError(411, "a request that takes the connection over needs a Content-Length");
    }
    const text = this.request.headers["content-length"] ?? "0";
    for (let missing = Number(text); missing > 0; ) {
      if (this.#early.byteLength === 0) this.#early = await this.#receive();
      const taken = this.#early.subarray(0, missing);
      this.#early = this.#early.subarray(taken.byteLength);
      missing -= taken.byteLength;
      yield taken;
    }
  }

  #receive(): Promise<Uint8Array> {
    const socket = this.#socket;
    return new Promise((resolve, reject) => {
      const settle = (bytes: Uint8Array | undefined): void => {
        socket.pause();
        socket.off("data", settle);
        socket.off("end", ended);
        socket.off("close", ended);
        if (bytes === undefined) reject(new RequestError(400, "the request's body broke off"));
        else resolve(bytes);
      };
      const ended = (): void => settle(undefined);
      socket.on("data", settle);
      socket.on("end", ended);
      socket.on("close", ended);
      socket.resume();
    });
  }
}

function clientGone(): GantryError {
  return new GantryError("cancelled", "the client has gone");
}
