import { expect, test } from "bun:test";
import { parseToml } from "./parse-toml.ts";
import { describeTomlProblems } from "./toml-problems.ts";

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

test("a problem is told with the line of what it speaks of, or of what holds that", () => {
  const told = [
    ["listen is no address", "line 1: "],
    ["scrub.rate: no number", "line 3: "],
    ["scrub.interval is missing", "line 2: "],
    ["upstream[1].prefix is no name", "line 8: "],
    ["upstream[1].registry is missing", "line 7: "],
    ["upstream[1].mirror[0].location is no place", "line 10: "],
    ['storage.s3.bucket."a.b"[3] is odd', "line 12: "],
    ["nowhere: two of it", ""],
    ["two are the same", ""],
  ] as const;
  const problems = told.map(([problem]) => problem);
  const placed = told.map(([problem, line]) => `${line}${problem}`);
  expect(describeTomlProblems(TEXT, problems)).toBe(placed.join("; "));
  expect(describeTomlProblems("", Array(22).fill("x is bad"))).toBe(
    `${Array(20).fill("x is bad").join("; ")}; and 2 more`,
  );
});

test("what is no TOML is one sentence and a line, and so is a date, which no file here has", () => {
  expect(parseToml("a = 1\nb = ")).toEqual({ kind: "problem", line: 2, problem: expect.stringMatching(/^[^\n]+$/) });
  expect(parseToml("[a]\n[[a.b]]\nc = [\n1979-05-27]")).toEqual({
    kind: "problem",
    line: 4,
    problem: "a.b[0].c[0] is a date, which nothing in this file is: a text stands in quotes",
  });
});

test("what is nested too deeply is no TOML of ours, and that is said at once", () => {
  const deep = ["[".repeat(200) + "]".repeat(200), "[".repeat(100_000), `${"{a=".repeat(200)}1${"}".repeat(200)}`];
  const texts = [...deep.map((value) => `a = ${value}`), `${"b.".repeat(3000)}c = 1`, `${"b.".repeat(100_000)}c = 1`];
  for (const text of texts) {
    expect(parseToml(text)).toEqual({ kind: "problem", line: 1, problem: expect.stringMatching(/nested/) });
  }
});
