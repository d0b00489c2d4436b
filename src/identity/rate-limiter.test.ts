import { expect, test } from "bun:test";
import fc from "fast-check";
import { RateLimiter } from "./rate-limiter.ts";

test("a burst passes, then as many as the rate lets, and the wait that is told is long enough", () => {
  let nowMs = 0;
  const limiter = new RateLimiter(() => nowMs);
  const rate = { requestsPerSecond: 2, burst: 3 };
  expect([1, 2, 3, 4].map(() => limiter.take("a", rate))).toEqual([0, 0, 0, 500]);
  expect(limiter.take("b", rate)).toBe(0);
  nowMs += 500;
  expect([1, 2].map(() => limiter.take("a", rate))).toEqual([0, 500]);
  nowMs += 3_600_000;
  expect([1, 2, 3, 4].map(() => limiter.take("a", rate))).toEqual([0, 0, 0, 500]);
});

test("in any time no more pass than the burst and the rate together", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 60 });
  const rates = fc.record({
    requestsPerSecond: fc.double({ min: 0.1, max: 20, noNaN: true }),
    burst: fc.integer({ min: 1, max: 10 }),
  });
  fc.assert(
    fc.property(steps, rates, (pauses, rate) => {
      let nowMs = 0;
      const limiter = new RateLimiter(() => nowMs);
      let passed = 0;
      for (const pause of pauses) {
        nowMs += pause;
        const wait = limiter.take("a", rate);
        if (wait === 0) passed += 1;
        else expect(wait).toBeGreaterThan(0);
      }
      expect(passed).toBeLessThanOrEqual(rate.burst + (nowMs / 1000) * rate.requestsPerSecond + 1e-6);
    }),
  );
});

test("a clock that goes back gives nothing, and takes nothing", () => {
  let nowMs = 10_000;
  const limiter = new RateLimiter(() => nowMs);
  const rate = { requestsPerSecond: 1, burst: 1 };
  expect(limiter.take("a", rate)).toBe(0);
  nowMs = 0;
  expect(limiter.take("a", rate)).toBe(1000);
  nowMs = 1000;
  expect(limiter.take("a", rate)).toBe(0);
});
