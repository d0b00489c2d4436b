import { expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../errors/gantry-error.ts";
import { type ByteSource, readBody } from "./response-body.ts";
import { findHeadEnd, parseResponseHead } from "./response-head.ts";

/** Gives `bytes` in pieces of `size`. */
function sourceOf(bytes: Uint8Array, size: number): ByteSource {
  const queue: Uint8Array[] = [];
  for (let start = 0; start < bytes.byteLength; start += size) queue.push(bytes.subarray(start, start + size));
  return {
    read: async () => queue.shift(),
    unread: (given) => void (given.byteLength > 0 && queue.unshift(given)),
  };
}

async function read(head: string, body: Uint8Array, size = 7): Promise<string> {
  const parts: Uint8Array[] = [];
  const parsed = parseResponseHead(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
  for await (const bytes of readBody(sourceOf(body, size), parsed)) parts.push(bytes);
  return Buffer.concat(parts).toString("latin1");
}

test("chunks come back as what was sent, however the connection cuts them", async () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 }), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 12 }), async (sent, size) => {
      const coded = sent.flatMap((bytes) => [
        Buffer.from(`${bytes.byteLength.toString(16)}\r\n`),
        bytes,
        Buffer.from("\r\n"),
      ]);
      const body = Buffer.concat([...coded, Buffer.from("0\r\nTrailer: x\r\n\r\n")]);
      expect(await read("Transfer-Encoding: chunked", body, size)).toBe(Buffer.concat(sent).toString("latin1"));
    }),
  );
});

test("a body that ends too early is never taken for whole", async () => {
  await expect(read("Content-Length: 5", Buffer.from("abc"))).rejects.toThrow("its last 2 bytes are missing");
  await expect(read("Transfer-Encoding: chunked", Buffer.from("3\r\nab"))).rejects.toThrow("broke off");
  await expect(read("Transfer-Encoding: chunked", Buffer.from("3\r\nabc\r\n"))).rejects.toThrow("ends within a chunk");
  expect(await read("Content-Length: 3", Buffer.from("abcdef"))).toBe("abc");
  expect(await read("X: y", Buffer.from("until the end"))).toBe("until the end");
});

test("no bytes make the parsers fail in another way than with a sentence", async () => {
  const text = fc.array(fc.constantFrom("HTTP/1.1 200 OK", "\r\n", "\n", "A: b", ": ", "5", "ffffffff", "\0", "é"));
  await fc.assert(
    fc.asyncProperty(text, fc.boolean(), async (pieces, isChunked) => {
      const bytes = Buffer.from(pieces.join(""));
      try {
        const end = findHeadEnd(bytes);
        if (end !== -1) parseResponseHead(bytes.subarray(0, end).toString("latin1"));
        await read(isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 3", bytes);
      } catch (error) {
        if (!isGantryError(error)) throw error;
      }
    }),
  );
});
