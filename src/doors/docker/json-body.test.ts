import { expect, test } from "bun:test";
import fc from "fast-check";
import { findJsonError, parseJsonBody } from "./json-body.ts";

test("what is JSON parses, whatever its depth", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseJsonBody(text)).toEqual(JSON.parse(text));
      expect(findJsonError(text)).toBe(text.length);
    }),
  );
  const deep = 100_000;
  expect(findJsonError("[".repeat(deep))).toBe(deep);
});

test("the place of an error is where no more JSON can follow", () => {
  expect(findJsonError('{"a":1,}')).toBe(7);
  expect(findJsonError('{"a" 1}')).toBe(5);
  expect(findJsonError("[1,,2]")).toBe(3);
  expect(findJsonError('{"a":tru}')).toBe(5);
  expect(findJsonError("{} {}")).toBe(3);
  expect(findJsonError('["line\nbreak"]')).toBe(1);
  expect(() => parseJsonBody('{\n  "a": }')).toThrow("line 2, column 8");
  expect(() => parseJsonBody(" ")).toThrow("got EOF");
});

test("a text is refused exactly if the engine's parser refuses it", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    "1",
    "-0.5e3",
    "01",
    "true",
    "nul",
    " ",
    "\n",
    "é",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("");
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (isJson) expect(findJsonError(text)).toBe(text.length);
      else expect(findJsonError(text)).toBeLessThanOrEqual(text.length);
    }),
  );
});
