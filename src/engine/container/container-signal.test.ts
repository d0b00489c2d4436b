import { expect, test } from "bun:test";
import { parseSignal } from "./container-signal.ts";

test("names with and without SIG in any case, numbers, real-time signals", () => {
  const texts = ["SIGTERM", "term", "Kill", "9", "SIGCLD", "RTMIN", "SIGRTMIN+3", "RTMAX-1", "RTMAX", "64"];
  expect(texts.map(parseSignal)).toEqual([15, 15, 9, 9, 17, 34, 37, 63, 64, 64]);
});

test("anything else is refused by name", () => {
  for (const text of ["", "0", "65", "-1", "SIGFOO", "RTMIN-1", "RTMAX+1", "RTMIN+31", "1.5", "toString", " 9"]) {
    expect(() => parseSignal(text)).toThrow(`Invalid signal: ${text}`);
  }
});
