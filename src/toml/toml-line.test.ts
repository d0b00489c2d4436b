import { expect, test } from "bun:test";
import { parseToml } from "./parse-toml.ts";
import { tomlLine, withTomlLine } from "./toml-line.ts";

const TEXT = `listen = 5000
[scrub]   # slowly
rate = "fast"

[[upstream]]
prefix = "a"
[[upstream]]
prefix = "X"
[[upstream.mirror]]
location = 1
[storage.s3]
bucket = "b"
`;

test.each([
  ["listen", 1],
  ["scrub", 2],
  ["scrub.rate", 3],
  ["scrub.interval", 2],
  ["upstream[0].prefix", 6],
  ["upstream[1].prefix", 8],
  ["upstream[1].registry", 7],
  ["upstream[1].mirror[0].location", 10],
  ["storage.s3.bucket", 12],
  ["nowhere", undefined],
])("%s is in line %p", (path, line) => {
  expect(tomlLine(TEXT, path)).toBe(line);
});

test("a problem is told with the line of what it speaks of", () => {
  expect(withTomlLine(TEXT, "scrub.rate is no number")).toBe("line 3: scrub.rate is no number");
  expect(withTomlLine(TEXT, "nowhere: two of it")).toBe("nowhere: two of it");
});

test("what is no TOML is one sentence and a line", () => {
  expect(parseToml("a = 1\nb = ")).toEqual({ kind: "problem", line: 2, problem: expect.stringMatching(/^[^\n]+$/) });
});
