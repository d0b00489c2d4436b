import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeExit,
  decodeFailure,
  decodeHello,
  encodeFrame,
  FRAME_MAX_BYTES,
  type Frame,
  FrameDecoder,
} from "./frames.ts";

const frame: fc.Arbitrary<Frame> = fc.record({
  type: fc.nat(0xffff),
  tag: fc.nat(0xffff),
  bytes: fc.uint8Array({ maxLength: 300 }),
});

describe("FrameDecoder", () => {
  test("gives back the frames, however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (frames, cuts) => {
        const bytes = Buffer.concat(frames.map(encodeFrame));
        const decoder = new FrameDecoder();
        const decoded: Frame[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1;
          decoded.push(...decoder.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(decoded).toEqual(frames);
      }),
    );
  });

  test("a frame that claims too much ends it, before anything is kept", () => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, FRAME_MAX_BYTES + 1, true);
    expect(() => new FrameDecoder().push(bytes)).toThrow("not a frame");
  });

  test("is total: any bytes give frames or one error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          for (const { bytes: body } of new FrameDecoder().push(bytes))
            for (const decode of [decodeHello, decodeExit, decodeFailure]) decode(body);
        } catch (error) {
          expect(error).toHaveProperty("code", "data-loss");
        }
      }),
    );
  });
});
