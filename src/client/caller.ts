import { API_VERSION } from "../api/api-version.ts";
import type { OutputFrame, StdioConnection } from "../api/stdio-connection.ts";
import { decodeFrames, MULTIPLEXED_STREAM } from "../api/stdio-frames.ts";
import type { SocketStream } from "../platform/socket-stream.ts";
import { NO_TRACE, type Trace } from "../trace/trace.ts";
import {
  type DaemonAddress,
  type HttpRequest,
  type HttpResponse,
  readBufferedBody,
  sendRequest,
} from "./http-request.ts";
import { IdleConnection } from "./idle-connection.ts";

/** Values of a query; what is undefined, false or empty is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Where calls are noted: under a name that the daemon is told, too. */
export interface CallTrace {
  readonly name: string;
  readonly trace: Trace;
}

export interface CallerOptions {
  /** Notes the calls. @default nothing does */
  readonly trace?: CallTrace;
  /** One that is open already, for the first call. */
  readonly connection?: SocketStream;
}

/** Sends calls of the Engine API to one socket. */
export class Caller {
  readonly #daemon: DaemonAddress;
  readonly #trace: CallTrace | undefined;
  #isOurs = false;

  constructor(socketPath: string, options: CallerOptions = {}) {
    const idle = new IdleConnection();
    if (options.connection !== undefined) idle.keep(options.connection);
    this.#daemon = { socketPath, idle };
    this.#trace = options.trace;
  }

  /** Whether the last answer was a gantry's: it understands what Docker's API does not have. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  /** Sends a call; resolves with the head of the answer. */
  async send(method: HttpRequest["method"], path: string, call: Call = {}, hijack = false): Promise<HttpResponse> {
    const headers: Record<string, string> = { ...call.headers };
    if (this.#trace !== undefined) headers["Gantry-Trace"] = this.#trace.name;
    // A lane of its own for each call: some go on while others do.
    const step = path.split("/").at(-1) ?? "";
    using _span = (this.#trace?.trace ?? NO_TRACE).lane(step).span(`${method} ${path.replace(/[0-9a-f]{64}/, "ID")}`);
    let body: HttpRequest["body"] = call.body;
    if (call.json !== undefined) {
      headers["Content-Type"] = "application/json";
      body = Buffer.from(JSON.stringify(call.json));
    } else if (body !== undefined) headers["Content-Type"] ??= "application/x-tar";
    const response = await sendRequest(this.#daemon, {
      method,
      target: `/v${API_VERSION}${path}${formatQuery(call.query)}`,
      headers,
      hijack,
      ...(body === undefined ? {} : { body }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    this.#isOurs = response.headers.get("server")?.startsWith("gantry/") === true;
    return response;
  }

  /** A call whose answer is one JSON value. */
  async json<T>(method: HttpRequest["method"], path: string, call: Call = {}): Promise<T> {
    const response = await this.send(method, path, call);
    return JSON.parse(Buffer.from(await readBufferedBody(response)).toString("utf8")) as T;
  }

  /** A call whose answer is its status. */
  async status(method: HttpRequest["method"], path: string, call: Call = {}): Promise<number> {
    const response = await this.send(method, path, call);
    await readBufferedBody(response);
    return response.status;
  }

  /** A call that takes the connection over. */
  async hijack(path: string, call: Call = {}, onPosition?: (position: string) => void): Promise<StdioConnection> {
    const response = await this.send("POST", path, call, true);
    return stdioConnectionOf(response, onPosition);
  }
}

/** The output of an answer, raw or in frames as its media type says. */
export function outputOf(
  response: HttpResponse,
  onPosition?: (position: string) => void,
  body: AsyncIterable<Uint8Array> = response.body,
): AsyncIterable<OutputFrame> {
  return response.headers.get("content-type") === MULTIPLEXED_STREAM ? decodeFrames(body, onPosition) : rawOutput(body);
}

async function* rawOutput(body: AsyncIterable<Uint8Array>): AsyncGenerator<OutputFrame, void, undefined> {
  for await (const bytes of body) yield { stream: "stdout", bytes };
}

function stdioConnectionOf(response: HttpResponse, onPosition?: (position: string) => void): StdioConnection {
  const { connection } = response;
  return {
    output: outputOf(response, onPosition, received(connection)),
    write: (bytes) => connection.write(bytes),
    closeStdin: () => connection.endWriting(),
    close: () => connection.close(),
  };
}

async function* received(connection: SocketStream): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let bytes = await connection.read(); bytes !== undefined; bytes = await connection.read()) yield bytes;
  } finally {
    connection.close();
  }
}

function formatQuery(query: Query = {}): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === false || value === "") continue;
    pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value === true ? "1" : value)}`);
  }
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** A name as a segment of a path; slashes of image names stay, as the API has them. */
export function segment(name: string): string {
  return encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@");
}
