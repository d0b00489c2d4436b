import { connect, type Socket } from "node:net";

/** A response as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  /** Lower-case names; several of one name are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const HEAD_END = "\r\n\r\n";

/** A connection on which a test writes what no client would, byte for byte. */
export class RawHttp implements Disposable {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #hasEnded = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    const end = (): void => {
      this.#hasEnded = true;
      this.#wake();
    };
    socket.on("end", end);
    socket.on("error", end);
    socket.on("close", end);
  }

  static async open(port: number): Promise<RawHttp> {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawHttp(socket);
  }

  /** Writes; resolves when the kernel has it. Never fails: a server that has hung up is seen by reading. */
  async write(bytes: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.#hasEnded || this.#socket.destroyed) resolve();
      else this.#socket.write(bytes, () => resolve());
    });
  }

  /** Says that nothing more comes, and goes on reading. */
  endWriting(): void {
    this.#socket.end();
  }

  /** Cuts the connection, as a client does that was killed. */
  cut(): void {
    this.#socket.resetAndDestroy();
  }

  /** The next response, or undefined if the server hung up before its end. @param options.isHead no body comes */
  async read(options: { readonly isHead?: boolean } = {}): Promise<RawResponse | undefined> {
    for (;;) {
      const response = this.#take(options.isHead ?? false);
      if (response !== undefined || this.#hasEnded) return response;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves once the server has hung up. @returns what else came */
  async readToEnd(): Promise<Buffer> {
    while (!this.#hasEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }

  #take(isHead: boolean): RawResponse | undefined {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return undefined;
    const [statusLine = "", ...lines] = this.#received.subarray(0, headEnd).toString("latin1").split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    const start = headEnd + HEAD_END.length;
    const hasNoBody = isHead || status < 200 || status === 204 || status === 304;
    const length = hasNoBody ? 0 : Number(headers["content-length"] ?? 0);
    if (this.#received.length < start + length) return undefined;
    const body = Buffer.from(this.#received.subarray(start, start + length));
    this.#received = this.#received.subarray(start + length);
    return { status, headers, body };
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** One request on a connection of its own. @returns undefined if the server hung up without a word */
export async function rawRequest(
  port: number,
  lines: readonly string[],
  body: string | Uint8Array = "",
): Promise<RawResponse | undefined> {
  using connection = await RawHttp.open(port);
  await connection.write([...lines, "", ""].join("\r\n"));
  if (body.length > 0) await connection.write(body);
  return await connection.read({ isHead: lines[0]?.startsWith("HEAD ") ?? false });
}
