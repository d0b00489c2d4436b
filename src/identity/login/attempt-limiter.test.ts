import { expect, test } from "bun:test";
import { TooManyRequests } from "../access-problem.ts";
import { AttemptLimiter } from "./attempt-limiter.ts";

function setUp() {
  let nowMs = 0;
  const limiter = new AttemptLimiter(() => nowMs);
  const fail = (name: string, address: string): number => {
    try {
      limiter.requireFree({ name, address });
    } catch (error) {
      if (error instanceof TooManyRequests) return error.retryAfterMs;
      throw error;
    }
    limiter.begin({ name, address });
    return 0;
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { limiter, fail, pass };
}

test("each failure after the fifth doubles the wait, up to five minutes", () => {
  const { fail, pass } = setUp();
  for (let free = 0; free < 5; free += 1) expect(fail("alice", "192.0.2.1")).toBe(0);
  const waits: number[] = [];
  for (let round = 0; round < 11; round += 1) {
    const wait = fail("alice", "192.0.2.1");
    waits.push(wait / 1000);
    pass(wait);
    expect(fail("alice", "192.0.2.1")).toBe(0);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

test("many names from one client are slowed too, and neighbours are not", () => {
  const { fail } = setUp();
  for (let guess = 0; guess < 50; guess += 1) expect(fail(`user${guess}`, "192.0.2.1")).toBe(0);
  expect(fail("another", "192.0.2.1")).toBe(1000);
  expect(fail("another", "192.0.2.2")).toBe(0);
});

test("a client has one network of IPv6, and one address of IPv4 however it is written", () => {
  const { fail } = setUp();
  for (let guess = 0; guess < 5; guess += 1) fail("alice", `2001:db8:1:2::${guess}`);
  expect(fail("alice", "2001:db8:1:2:ffff::1")).toBe(1000);
  expect(fail("alice", "2001:db8:1:3::1")).toBe(0);
  for (let guess = 0; guess < 5; guess += 1) fail("alice", "192.0.2.1");
  expect(fail("alice", "::ffff:192.0.2.1")).toBe(1000);
});

test("a success begins anew for the name, and does not pay for guesses at others", () => {
  const { limiter, fail, pass } = setUp();
  for (let guess = 0; guess < 4; guess += 1) fail("alice", "192.0.2.1");
  limiter.begin({ name: "alice", address: "192.0.2.1" });
  limiter.succeeded({ name: "alice", address: "192.0.2.1" });
  for (let guess = 0; guess < 5; guess += 1) expect(fail("alice", "192.0.2.1")).toBe(0);
  for (let guess = 0; guess < 41; guess += 1) {
    limiter.begin({ name: "mallory", address: "192.0.2.1" });
    limiter.succeeded({ name: "mallory", address: "192.0.2.1" });
    expect(fail(`user${guess}`, "192.0.2.1")).toBe(0);
  }
  expect(fail("user", "192.0.2.1")).toBe(1000);
  pass(1000 + 900_000);
  for (let guess = 0; guess < 5; guess += 1) expect(fail("alice", "192.0.2.1")).toBe(0);
});

test("a clock that is put back keeps nobody waiting for longer", () => {
  const { fail, pass } = setUp();
  pass(86_400_000);
  for (let failure = 0; failure < 12; failure += 1) {
    const wait = fail("alice", "192.0.2.1");
    if (wait > 0) pass(wait);
  }
  pass(-3_600_000);
  for (let free = 0; free < 5; free += 1) expect(fail("alice", "192.0.2.1")).toBe(0);
  expect(fail("alice", "192.0.2.1")).toBe(1000);
});
