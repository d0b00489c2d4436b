import { expect, test } from "bun:test";
import { parsePageServer } from "./criu-flags.ts";

test("a page server is an address and a port", () => {
  expect(parsePageServer("10.0.0.1:27")).toEqual({ address: "10.0.0.1", port: 27 });
  expect(parsePageServer("[fd00::1]:27")).toEqual({ address: "fd00::1", port: 27 });
});

test.each(["", "10.0.0.1", ":27", "a:", "a:0", "a:65536", "fd00::1:27"])("%p is none", (text) => {
  expect(() => parsePageServer(text)).toThrow("--page-server takes ADDRESS:PORT");
});
