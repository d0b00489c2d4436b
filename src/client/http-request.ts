import { ApiError } from "../api/api-error.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { SocketStream } from "../platform/socket-stream.ts";
import { connectSocket } from "./connect-socket.ts";
import type { IdleConnection } from "./idle-connection.ts";
import { readBody } from "./response-body.ts";
import { findHeadEnd, MAX_HEAD_BYTES, parseResponseHead, type ResponseHead } from "./response-head.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Encoded, with its query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of known length, or a stream that is sent in chunks while the answer is read. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Asks to take the connection over as a two-way stream. */
  readonly hijack?: boolean;
  readonly signal?: AbortSignal;
}

export interface HttpResponse extends ResponseHead {
  readonly body: AsyncIterable<Uint8Array>;
  /** The connection itself. After a hijack it belongs to the caller; otherwise it closes with the body's end. */
  readonly connection: SocketStream;
}

/** Where a daemon is asked. */
export interface DaemonAddress {
  readonly socketPath: string;
  /** Keeps a connection from one call to the next. */
  readonly idle: IdleConnection;
}

/** A call that can be cancelled has a connection of its own: `signal` breaks it. */
async function connectionFor(daemon: DaemonAddress, { signal }: HttpRequest): Promise<SocketStream> {
  if (signal !== undefined) return await connectSocket(daemon.socketPath, { signal });
  return daemon.idle.take() ?? (await connectSocket(daemon.socketPath));
}

/** The largest error text and JSON answer that is held in memory. */
const MAX_BUFFERED_BODY_BYTES = 256 * 1024 * 1024;

/**
 * Sends one request, on a connection that is its own until the answer has been read, and resolves when the head of the answer
 * is there.
 *
 * @throws `ApiError` for a status of 400 and more, with the daemon's message.
 */
export async function sendRequest(daemon: DaemonAddress, request: HttpRequest): Promise<HttpResponse> {
  const connection = await connectionFor(daemon, request);
  try {
    const sending = sendBody(connection, request);
    // A daemon that refuses early closes while the body is still being sent: its answer says more than our failed write.
    sending.catch(() => {});
    const head = await readHead(connection);
    if (head === undefined) {
      await sending;
      throw new GantryError("unavailable", "the daemon closed the connection without an answer");
    }
    const response: HttpResponse = {
      ...head,
      connection,
      body: request.method === "HEAD" ? nothing() : bodyOf(connection, { head, sending, idle: daemon.idle }),
    };
    if (head.status >= 400) throw await errorOf(response);
    return response;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Reads a whole body into memory, `maxBytes` at most. */
export async function readBufferedBody(
  response: Pick<HttpResponse, "body">,
  maxBytes: number = MAX_BUFFERED_BODY_BYTES,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const bytes of response.body) {
    length += bytes.byteLength;
    if (length > maxBytes) throw new GantryError("exhausted", `the daemon's answer is longer than ${maxBytes} bytes`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function formatHead(request: HttpRequest): string {
  const lines = [`${request.method} ${request.target} HTTP/1.1`, "Host: gantry", "User-Agent: gantry"];
  if (request.hijack === true) lines.push("Connection: Upgrade", "Upgrade: tcp");
  else if (request.signal !== undefined) lines.push("Connection: close");
  for (const [name, value] of Object.entries(request.headers ?? {})) lines.push(`${name}: ${value}`);
  if (request.body === undefined) {
    if (request.method === "POST" || request.method === "PUT") lines.push("Content-Length: 0");
  } else if (request.body instanceof Uint8Array) lines.push(`Content-Length: ${request.body.byteLength}`);
  else lines.push("Transfer-Encoding: chunked");
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function sendBody(connection: SocketStream, request: HttpRequest): Promise<void> {
  const head = Buffer.from(formatHead(request), "latin1");
  const { body } = request;
  if (body === undefined) return connection.write(head);
  // One write for what is small: one segment, one wake-up of the daemon.
  if (body instanceof Uint8Array) return connection.write(Buffer.concat([head, body]));
  await connection.write(head);
  for await (const bytes of body) {
    if (bytes.byteLength === 0) continue;
    const size = Buffer.from(`${bytes.byteLength.toString(16)}\r\n`, "latin1");
    await connection.write(Buffer.concat([size, bytes, CRLF]));
  }
  return connection.write("0\r\n\r\n");
}

const CRLF = Buffer.from("\r\n", "latin1");

async function readHead(connection: SocketStream): Promise<ResponseHead | undefined> {
  let received: Uint8Array = new Uint8Array(0);
  for (;;) {
    const end = findHeadEnd(received);
    if (end !== -1) {
      const head = parseResponseHead(Buffer.from(received.subarray(0, end)).toString("latin1"));
      received = received.subarray(end);
      if (head.status >= 200 || head.status === 101) {
        connection.unread(received);
        return head;
      }
      continue; // An interim answer (RFC 9110, 15.2): the real one follows.
    }
    if (received.byteLength > MAX_HEAD_BYTES) {
      throw new GantryError("data-loss", "what answered is not the daemon: the head of its answer does not end");
    }
    const bytes = await connection.read();
    if (bytes === undefined) {
      if (received.byteLength === 0) return undefined;
      throw new GantryError("data-loss", "the daemon's answer broke off within its head");
    }
    received = received.byteLength === 0 ? bytes : Buffer.concat([received, bytes]);
  }
}

/** The body; when it was read to its end the connection is kept for the next call, in any other case it is closed. */
async function* bodyOf(
  connection: SocketStream,
  {
    head,
    sending,
    idle,
  }: { readonly head: ResponseHead; readonly sending: Promise<void>; readonly idle: IdleConnection },
): AsyncGenerator<Uint8Array, void, undefined> {
  let isDone = false;
  try {
    yield* readBody(connection, head);
    if (head.status < 400) await sending;
    isDone = head.status < 400 && hasKnownEnd(head) && !connection.isEnded;
  } finally {
    if (isDone) idle.keep(connection);
    else connection.close();
  }
}

/** Whether the connection can serve another call after the answer (RFC 9112, 9.3). */
function hasKnownEnd({ headers, status }: ResponseHead): boolean {
  if (headers.get("connection")?.toLowerCase() === "close") return false;
  return status === 204 || headers.has("content-length") || headers.has("transfer-encoding");
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

async function errorOf(response: HttpResponse): Promise<ApiError> {
  const text = Buffer.from(await readBufferedBody(response, 1024 * 1024)).toString("utf8");
  return new ApiError(response.status, messageOf(text) ?? `${response.status} ${response.reason}`.trim());
}

function messageOf(text: string): string | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null && "message" in body && typeof body.message === "string") {
      return body.message;
    }
  } catch {
    // Not JSON: an answer of net/http's own (Docker) is plain text.
  }
  return text.trim() === "" ? undefined : text.trim();
}
