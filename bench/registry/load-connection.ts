import type { Socket } from "bun";

/** A body that costs its sender nothing to make: a head of its own, then the same filler again and again. */
export interface LoadBody {
  readonly sizeBytes: number;
  readonly head: Uint8Array;
  readonly filler: Uint8Array;
}

export interface LoadRequest {
  readonly method: string;
  /** A path with its query, or a whole URL. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: LoadBody;
}

export interface LoadResponse {
  readonly status: number;
  readonly head: string;
  /** Of its body, which is thrown away. */
  readonly sizeBytes: number;
}

interface Exchange {
  readonly resolve: (response: LoadResponse) => void;
  readonly reject: (error: Error) => void;
  readonly body: LoadBody | undefined;
  sentBytes: number;
  /** Undefined while the head comes. */
  head: string | undefined;
  status: number;
  /** Undefined for a chunked body. */
  lengthBytes: number | undefined;
  receivedBytes: number;
  early: Buffer;
}

const HEAD_BYTES = 64;

/** A body of so many bytes that no other has. */
export function makeBody(sizeBytes: number, filler: Uint8Array): LoadBody {
  return { sizeBytes, filler, head: crypto.getRandomValues(new Uint8Array(Math.min(HEAD_BYTES, sizeBytes))) };
}

/** The part of a body from `offset` on that is in memory in one piece. */
export function pieceOf({ sizeBytes, head, filler }: LoadBody, offset: number): Uint8Array {
  if (offset < head.byteLength) return head.subarray(offset);
  const start = (offset - head.byteLength) % filler.byteLength;
  return filler.subarray(start, Math.min(filler.byteLength, start + sizeBytes - offset));
}

/**
 * One client's connection, kept for all of its requests: as little of HTTP/1.1 as makes a client that costs less than the server
 * which it measures. One request at a time; bodies of answers are counted, not kept.
 */
export class LoadConnection implements Disposable {
  /** Of bodies, in both directions, since it was opened. */
  movedBytes = 0;
  readonly #host: string;
  #socket: Socket<undefined> | undefined;
  #exchange: Exchange | undefined;

  private constructor(host: string) {
    this.#host = host;
  }

  /** @param host `127.0.0.1:PORT` */
  static async open(host: string): Promise<LoadConnection> {
    const connection = new LoadConnection(host);
    const [hostname = "", port = ""] = host.split(":");
    connection.#socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data: (_, chunk) => connection.#receive(chunk),
        drain: () => connection.#send(),
        close: () => connection.#fail(new Error("the server ended the connection")),
        error: (_, error) => connection.#fail(error),
      },
    });
    return connection;
  }

  request(request: LoadRequest): Promise<LoadResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<LoadResponse>();
    const { method, target, headers = {}, body } = request;
    const path = target.replace(/^https?:\/\/[^/]+/, "");
    const length = body === undefined && method === "GET" ? {} : { "content-length": String(body?.sizeBytes ?? 0) };
    const lines = Object.entries({ host: this.#host, ...length, ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    this.#exchange = {
      resolve,
      reject,
      body,
      sentBytes: 0,
      head: undefined,
      status: 0,
      lengthBytes: undefined,
      receivedBytes: 0,
      early: Buffer.alloc(0),
    };
    this.#socket?.write(`${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    this.#send();
    return promise;
  }

  /** Breaks off whatever goes on. */
  [Symbol.dispose](): void {
    this.#socket?.terminate();
  }

  #send(): void {
    const exchange = this.#exchange;
    if (exchange?.body === undefined) return;
    while (exchange.sentBytes < exchange.body.sizeBytes) {
      const piece = pieceOf(exchange.body, exchange.sentBytes);
      const sent = this.#socket?.write(piece) ?? 0;
      if (sent < 0) return;
      exchange.sentBytes += sent;
      this.movedBytes += sent;
      if (sent < piece.byteLength) return;
    }
  }

  #receive(chunk: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    let rest = chunk;
    if (exchange.head === undefined) {
      const all = exchange.early.byteLength === 0 ? chunk : Buffer.concat([exchange.early, chunk]);
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) {
        exchange.early = Buffer.from(all);
        return;
      }
      readHead(exchange, all.toString("latin1", 0, end));
      rest = all.subarray(end + 4);
      // 100 Continue is no answer.
      if (exchange.status < 200) {
        exchange.head = undefined;
        exchange.early = Buffer.alloc(0);
        if (rest.byteLength > 0) this.#receive(rest);
        return;
      }
    }
    exchange.receivedBytes += rest.byteLength;
    this.movedBytes += rest.byteLength;
    if (isComplete(exchange, rest)) this.#finish(exchange);
  }

  #finish(exchange: Exchange): void {
    this.#exchange = undefined;
    exchange.resolve({ status: exchange.status, head: exchange.head ?? "", sizeBytes: exchange.receivedBytes });
  }

  #fail(error: Error): void {
    this.#exchange?.reject(error);
    this.#exchange = undefined;
  }
}

function readHead(exchange: Exchange, head: string): void {
  exchange.head = head;
  exchange.status = Number(head.slice(9, 12));
  const isEmpty = exchange.status === 204 || exchange.status === 304;
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  const isChunked = /\r\ntransfer-encoding: *chunked/i.test(head);
  exchange.lengthBytes = isChunked ? undefined : Number(isEmpty ? 0 : (length ?? 0));
}

const LAST_CHUNK = "0\r\n\r\n";

function isComplete({ lengthBytes, receivedBytes }: Exchange, last: Buffer): boolean {
  return lengthBytes === undefined ? last.toString("latin1").endsWith(LAST_CHUNK) : receivedBytes >= lengthBytes;
}
