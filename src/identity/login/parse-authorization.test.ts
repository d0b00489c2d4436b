import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseAuthorization } from "./parse-authorization.ts";

function basic(text: string): string {
  return `Basic ${Buffer.from(text, "utf8").toString("base64")}`;
}

test("a name ends at the first colon, a password may have more, and both may have any letters", () => {
  expect(parseAuthorization(basic("alice:se:cret"))).toEqual({ kind: "basic", name: "alice", password: "se:cret" });
  expect(parseAuthorization(basic("älice:pässwörd"))).toEqual({ kind: "basic", name: "älice", password: "pässwörd" });
  expect(parseAuthorization(basic(":"))).toEqual({ kind: "basic", name: "", password: "" });
  expect(parseAuthorization("bAsIc  YTpi")).toEqual({ kind: "basic", name: "a", password: "b" });
  expect(parseAuthorization("BEARER a.b-c_d")).toEqual({ kind: "bearer", token: "a.b-c_d" });
});

test.each([
  "",
  "Basic",
  "Basic ",
  basic("no colon"),
  "Basic /////w==",
  "Digest abc",
  "Bearer a b",
  "Bearer é",
  "Basic a b",
])("%p is no credentials", (header) => {
  expect(parseAuthorization(header)).toBeUndefined();
});

test("a header without end is not looked at", () => {
  expect(parseAuthorization(`Bearer ${"a".repeat(20_000)}`)).toBeUndefined();
});

test("any header is read without an error, and what was encoded comes back", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseAuthorization(text)));
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (name, password) => {
      fc.pre(!name.includes(":"));
      expect(parseAuthorization(basic(`${name}:${password}`))).toEqual({ kind: "basic", name, password });
    }),
  );
});
