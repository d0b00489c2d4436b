import type { IncomingMessage } from "node:http";
import type { Trace } from "../../trace/trace.ts";
import { RequestError } from "./error-status.ts";
import { MAX_JSON_BODY_BYTES, parseJsonBody } from "./json-body.ts";
import type { Query } from "./query.ts";

/** A streamed answer: each write resolves when the client can take more. */
export interface AnswerStream {
  /** Fails with `cancelled` when the client has gone. */
  write(bytes: Uint8Array | string): Promise<void>;
  end(): void;
}

/** The connection after it was taken over. */
export interface Hijacked {
  /** What the client sends; undefined at the end of its sending half. */
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our half, waits a little for the client to end its own, and closes. */
  end(): Promise<void>;
}

/** One request and the ways to answer it: exactly one of them. */
export interface Exchange {
  readonly method: string;
  /** Without the version. */
  readonly path: string;
  /** What the client speaks; the newest when it does not say. */
  readonly apiVersion: string;
  readonly query: Query;
  /** Of the path. A name that the route does not have is a defect. */
  parameter(name: string): string;
  header(name: string): string | undefined;
  /** Where what is done for this request is noted, if its client wants to know. */
  readonly trace: Trace;
  /** Fires when the client has gone before the answer was complete. */
  readonly signal: AbortSignal;
  /** The body as it comes. */
  readonly body: AsyncIterable<Uint8Array>;
  /** @throws 400, 413. */
  readJson(): Promise<unknown>;

  sendJson(status: number, value: unknown): void;
  /** An answer without a body. */
  sendStatus(status: number): void;
  sendText(status: number, text: string, headers?: Readonly<Record<string, string>>): void;
  /** Sends the head at once. */
  openStream(contentType: string): AnswerStream;
  /** Takes the connection over; `contentType` is told to clients that asked to upgrade. Only of hijackable routes. */
  hijack(contentType: string): Hijacked;
  /** True when the client asked for `Upgrade: tcp`. */
  readonly isUpgrade: boolean;
  /** True from the moment on when the head was sent. */
  readonly hasAnswered: boolean;
  /** Breaks an answer off. */
  break(): void;
}

/** Reads a JSON body of bounded size, whose media type is JSON's if one is given. */
export async function readJsonBody(request: IncomingMessage, body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const mediaType = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (mediaType !== "" && mediaType !== "application/json") {
    throw new RequestError(400, `unsupported Content-Type header (${mediaType}): must be 'application/json'`);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of body) {
    length += bytes.byteLength;
    if (length > MAX_JSON_BODY_BYTES) {
      throw new RequestError(413, `the request's body is longer than ${MAX_JSON_BODY_BYTES} bytes`);
    }
    parts.push(bytes);
  }
  return parseJsonBody(Buffer.concat(parts).toString("utf8"));
}
