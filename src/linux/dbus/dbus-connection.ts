import { GantryError } from "../../errors/gantry-error.ts";
import { connectUnix } from "../../platform/connect-unix.ts";
import type { SocketStream } from "../../platform/socket-stream.ts";
import type { DbusValue } from "./dbus-value.ts";
import {
  type DbusMessage,
  decodeMessage,
  ERROR,
  encodeMessage,
  METHOD_CALL,
  METHOD_RETURN,
  messageLength,
  SIGNAL,
} from "./message.ts";

export interface DbusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of the arguments. @default "" */
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
}

/** A peer said no; `name` is D-Bus's own, `org.freedesktop.systemd1.UnitExists`. */
export class DbusError extends Error {
  readonly dbusName: string;

  constructor(name: string, text: string) {
    super(text === "" ? name : text);
    this.name = "DbusError";
    this.dbusName = name;
  }
}

export interface ConnectDbusOptions {
  /** The user that the peer is told; the kernel says the same to it. */
  readonly uid: number;
  /** False for a peer without a bus between. @default true */
  readonly isBus?: boolean;
  /** @default 25 000, as in D-Bus's own library */
  readonly timeoutMs?: number;
}

const AUTHENTICATION_BYTES = 4096;

/** A connection to a bus, or to one peer. Calls may overlap; signals go to whoever listens. */
export class DbusConnection {
  readonly #stream: SocketStream;
  readonly #timeoutMs: number;
  readonly #calls = new Map<number, { resolve: (message: DbusMessage) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(message: DbusMessage) => void>();
  #serial = 0;
  #failure: Error | undefined;

  private constructor(stream: SocketStream, timeoutMs: number) {
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Connects, authenticates as `uid` and, on a bus, introduces itself.
   *
   * @throws `unavailable` when nobody answers at `path`, `permission-denied` when the user is refused.
   */
  static async connect(path: string, options: ConnectDbusOptions): Promise<DbusConnection> {
    let stream: SocketStream;
    try {
      stream = await connectUnix(path);
    } catch (error) {
      throw new GantryError("unavailable", `cannot connect to D-Bus at ${path}`, { cause: error });
    }
    const connection = new DbusConnection(stream, options.timeoutMs ?? 25_000);
    try {
      const rest = await authenticate(stream, options.uid);
      void connection.#receive(rest);
      if (options.isBus !== false) {
        const bus = "org.freedesktop.DBus";
        await connection.call({ destination: bus, path: "/org/freedesktop/DBus", interface: bus, member: "Hello" });
      }
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * Calls a method and returns what it returns.
   *
   * @throws `DbusError` for the peer's no, `unavailable` when the connection breaks or the answer does not come in time.
   */
  async call(call: DbusCall): Promise<readonly DbusValue[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const serial = ++this.#serial;
    const { promise, resolve, reject } = Promise.withResolvers<DbusMessage>();
    const timer = setTimeout(
      () => reject(new GantryError("unavailable", `${call.member} of ${call.destination} does not answer`)),
      this.#timeoutMs,
    );
    this.#calls.set(serial, { resolve, reject });
    promise.catch(() => undefined); // It may fail while the call is still being written.
    try {
      await this.#stream.write(encodeMessage({ type: METHOD_CALL, serial, ...call, body: call.body ?? [] }));
      const answer = await promise;
      if (answer.type !== ERROR) return answer.body;
      throw new DbusError(answer.errorName ?? "", typeof answer.body[0] === "string" ? answer.body[0] : "");
    } finally {
      clearTimeout(timer);
      this.#calls.delete(serial);
    }
  }

  /** Tells `listener` of each signal; the returned function ends that. */
  onSignal(listener: (message: DbusMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends calls that wait with `unavailable`. Idempotent. */
  close(): void {
    this.#fail(new GantryError("unavailable", "the connection to D-Bus was closed"));
    this.#stream.close();
  }

  async #receive(first: Uint8Array): Promise<void> {
    let buffer = first;
    try {
      for (;;) {
        for (let length = messageLength(buffer); length !== undefined && buffer.length >= length; ) {
          this.#dispatch(decodeMessage(buffer.subarray(0, length)));
          buffer = buffer.subarray(length);
          length = messageLength(buffer);
        }
        const bytes = await this.#stream.read();
        if (bytes === undefined)
          throw new GantryError("unavailable", "the connection to D-Bus was closed by the other side");
        buffer = buffer.length === 0 ? bytes : Buffer.concat([buffer, bytes]);
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.#stream.close();
    }
  }

  #dispatch(message: DbusMessage): void {
    if (message.type === SIGNAL) for (const listener of this.#listeners) listener(message);
    if (message.type === METHOD_RETURN || message.type === ERROR) {
      this.#calls.get(message.replySerial ?? 0)?.resolve(message);
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#calls.values()) reject(error);
  }
}

/**
 * "Authentication Protocol", EXTERNAL: the kernel tells the peer who we are. Returns what came after the last line.
 *
 * BEGIN is sent before the answer to AUTH is there, as systemd's own clients do: a systemd that reads BEGIN and the first
 * message in one read(2) looks at the message only when more comes.
 */
async function authenticate(stream: SocketStream, uid: number): Promise<Uint8Array> {
  await stream.write(`\0AUTH EXTERNAL ${Buffer.from(String(uid)).toString("hex")}\r\nBEGIN\r\n`);
  let received = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const bytes = await stream.read();
    if (bytes === undefined || received.length > AUTHENTICATION_BYTES) {
      throw new GantryError("unavailable", "D-Bus closed the connection before it said who may use it");
    }
    received = Buffer.concat([received, bytes]);
    end = received.indexOf("\r\n");
  }
  const line = received.subarray(0, end).toString("latin1");
  if (!line.startsWith("OK ")) {
    throw new GantryError("permission-denied", `D-Bus does not accept user ${uid}: ${line}`);
  }
  return received.subarray(end + 2);
}
