import { expect, test } from "bun:test";
import { parseHost } from "./host.ts";

test("a host is a socket of this machine", () => {
  expect(parseHost("unix:///run/gantry/gantry.sock")).toBe("/run/gantry/gantry.sock");
  expect(parseHost("/run/x")).toBe("/run/x");
  expect(() => parseHost("tcp://127.0.0.1:2375")).toThrow("tcp:// are not there yet");
  expect(() => parseHost("run/x")).toThrow("invalid host");
  expect(() => parseHost("unix://run/x")).toThrow("not absolute");
  expect(() => parseHost(`unix:///${"x".repeat(120)}`)).toThrow("longer than 107 bytes");
});
