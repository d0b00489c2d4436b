import { expect, test } from "bun:test";
import fc from "fast-check";
import type { OutputFrame } from "./stdio-connection.ts";
import { decodeFrames, encodeFrame } from "./stdio-frames.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += size) yield bytes.subarray(start, start + size);
}

async function decode(bytes: Uint8Array, size = 1024): Promise<Record<OutputFrame["stream"], string>> {
  const streams = { stdout: "", stderr: "" };
  for await (const frame of decodeFrames(pieces(bytes, size))) {
    streams[frame.stream] += Buffer.from(frame.bytes).toString("latin1");
  }
  return streams;
}

test("frames come back whole, however the stream is cut", async () => {
  const frame = fc.record({
    stream: fc.constantFrom<OutputFrame["stream"]>("stdout", "stderr"),
    bytes: fc.uint8Array({ maxLength: 40 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 6 }), fc.integer({ min: 1, max: 20 }), async (frames, size) => {
      const expected = { stdout: "", stderr: "" };
      for (const { stream, bytes } of frames) expected[stream] += Buffer.from(bytes).toString("latin1");
      expect(await decode(Buffer.concat(frames.map(encodeFrame)), size)).toEqual(expected);
    }),
  );
});

test("a stream that is no frames, breaks off, or carries the daemon's error fails with a sentence", async () => {
  await expect(decode(Buffer.from("plain text"))).rejects.toThrow("unknown stream: 112");
  await expect(decode(encodeFrame({ stream: "stdout", bytes: Buffer.from("abc") }).subarray(0, 9))).rejects.toThrow(
    "broke off",
  );
  const error = encodeFrame({ stream: "stdout", bytes: Buffer.from("no space") });
  error[0] = 3;
  await expect(decode(error)).rejects.toThrow("no space");
});
