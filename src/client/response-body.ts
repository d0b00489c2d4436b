import { GantryError } from "../errors/gantry-error.ts";
import type { ResponseHead } from "./response-head.ts";

/** Where the bytes of a body come from. */
export interface ByteSource {
  /** The next bytes; undefined at the end of the connection. */
  read(): Promise<Uint8Array | undefined>;
  /** Gives back what was read too much. */
  unread(bytes: Uint8Array): void;
}

const MAX_CHUNK_LINE_BYTES = 4096;

/**
 * The body that follows `head` (RFC 9112, 6). Its reader decides the pace.
 *
 * A body that ends too early fails with `data-loss`, unless its end is the connection's.
 */
export async function* readBody(source: ByteSource, head: ResponseHead): AsyncGenerator<Uint8Array, void, undefined> {
  if (head.status === 204 || head.status === 304 || head.status < 200) return;
  const coding = head.headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked") throw broken(`transfer coding ${JSON.stringify(coding)} is not known`);
    yield* readChunks(source);
    return;
  }
  const length = head.headers.get("content-length");
  if (length !== undefined) {
    if (!/^\d{1,15}$/.test(length)) throw broken(`content-length ${JSON.stringify(length)} is not a length`);
    yield* readExactly(source, Number(length));
    return;
  }
  for (let bytes = await source.read(); bytes !== undefined; bytes = await source.read()) yield bytes;
}

async function* readExactly(source: ByteSource, count: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let missing = count; missing > 0; ) {
    const bytes = await source.read();
    if (bytes === undefined) throw broken(`its last ${missing} bytes are missing`);
    if (bytes.byteLength > missing) source.unread(bytes.subarray(missing));
    const taken = bytes.subarray(0, missing);
    missing -= taken.byteLength;
    yield taken;
  }
}

async function* readChunks(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const line = await readLine(source);
    const size = /^([\da-fA-F]{1,8})[ \t]*(?:;.*)?$/.exec(line)?.[1];
    if (size === undefined) throw broken(`chunk size ${JSON.stringify(line.slice(0, 40))} is not a size`);
    const count = Number.parseInt(size, 16);
    if (count === 0) break;
    yield* readExactly(source, count);
    if ((await readLine(source)) !== "") throw broken("a chunk is longer than it says");
  }
  while ((await readLine(source)) !== "") {
    // Trailer fields: the Engine API has none that matter.
  }
}

async function readLine(source: ByteSource): Promise<string> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const bytes = await source.read();
    if (bytes === undefined) throw broken("it ends within a chunk");
    const end = bytes.indexOf(0x0a);
    parts.push(end === -1 ? bytes : bytes.subarray(0, end));
    length += parts.at(-1)?.byteLength ?? 0;
    if (length > MAX_CHUNK_LINE_BYTES) throw broken("a chunk's first line does not end");
    if (end === -1) continue;
    source.unread(bytes.subarray(end + 1));
    return Buffer.concat(parts).toString("latin1").replace(/\r$/, "");
  }
}

function broken(why: string): GantryError {
  return new GantryError("data-loss", `the daemon's answer broke off: ${why}`);
}
