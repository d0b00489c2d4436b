import { expect, test } from "bun:test";
import { parse } from "smol-toml";
import { parseTomlDocument } from "./toml-document.ts";

const TEXT = `a = 1
b.c = "x" # dotted
"quoted key" = 'literal'
list = [
  1,
  { d = 2, e.f = [true] },
]
long = """
two
lines"""
[t]
float = 1.5
[t.sub]
x = -0x1f
[[many]]
y = 1
[[many]]
y = 2
[many.inner]
z = "é\\u00e9"
[[many.list]]
w = 1
`;

test("values are those that another parser finds", () => {
  const document = parseTomlDocument(TEXT.replace("-0x1f", "31"));
  if ("message" in document) throw new Error(document.message);
  expect(JSON.parse(JSON.stringify(document.value))).toEqual(
    JSON.parse(JSON.stringify(parse(TEXT.replace("-0x1f", "31")))),
  );
});

test("each value has the line that it stands in, and what is not there that of what holds it", () => {
  const document = parseTomlDocument(TEXT.replace("-0x1f", "31"));
  if ("message" in document) throw new Error(document.message);
  const paths = [
    ["a"],
    ["b", "c"],
    ["list", 1, "e", "f", 0],
    ["many", 1],
    ["many", 1, "inner", "z"],
    ["t", "gone"],
    ["no"],
  ];
  expect(paths.map((path) => document.lineOf(path))).toEqual([1, 2, 6, 17, 20, 11, 1]);
});

test("what is no TOML is told with its line", () => {
  expect(parseTomlDocument(TEXT)).toEqual({ line: 14, message: expect.any(String) });
  expect(parseTomlDocument("a = 1\na = 2\n")).toEqual({ line: 2, message: expect.any(String) });
});
