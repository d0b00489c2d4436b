import { expect, test } from "bun:test";
import { withTimeNamespace } from "./restored-namespaces.ts";

test("a time namespace is added, and nothing else changes", () => {
  const limit = "9223372036854775807";
  expect(withTimeNamespace(`{"a":${limit},"linux":{"b":1,"namespaces":[{"type":"pid"}]}}`)).toBe(
    `{"a":${limit},"linux":{"b":1,"namespaces":[{"type":"pid"},{"type":"time"}]}}`,
  );
  expect(withTimeNamespace("{}")).toBe('{"linux":{"namespaces":[{"type":"time"}]}}');
});
