import { expect, test } from "bun:test";
import { formatTomlPath, leadingTomlPath, parentTomlPath, quoteTomlText } from "./toml-path.ts";

test("a text is quoted so that everything of it is seen, on one line", () => {
  expect(quoteTomlText('size "\n\u001b[31m\u202e\u2028\u{e0001}')).toBe(
    String.raw`"size \"\n\u001b[31m\u202e\u2028\udb40\udc01"`,
  );
  expect(quoteTomlText("x".repeat(100_000))).toBe(`"${"x".repeat(80)}…"`);
});

test("a path is written, found at the beginning of a problem, and followed to what holds it", () => {
  const path = formatTomlPath(["registry", 1, "a.b", "x\ny]", 0, "c-d"]);
  expect(path).toBe(String.raw`registry[1]."a.b"."x\ny]"[0].c-d`);
  expect(leadingTomlPath(`${path} is odd: see a.b`)).toBe(path);
  expect(leadingTomlPath("(nothing)")).toBe("");
  const places = [path];
  while (places.at(-1) !== "") places.push(parentTomlPath(places.at(-1) ?? ""));
  expect(places.slice(1)).toEqual([
    String.raw`registry[1]."a.b"."x\ny]"[0]`,
    String.raw`registry[1]."a.b"."x\ny]"`,
    'registry[1]."a.b"',
    "registry[1]",
    "registry",
    "",
  ]);
});
