import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { parseToml } from "./parse-toml.ts";
import { tomlLines } from "./toml-lines.ts";
import { formatTomlPath } from "./toml-path.ts";

test("everything has its line, however it is written", () => {
  const toml = [
    "\uFEFFtop.inner.deep = 1 # [not-a-table]",
    'text = """',
    "[scrub]",
    'say \\""" = "no" """""',
    "other = '''",
    "a'b''",
    "[[x]]'''''",
    'empty = ""',
    "list = [ # [0]",
    "  1, { a = 1, b.c = [",
    "    2 ] },",
    "  # nothing",
    "  [], ]",
    '[a."b.c".\'d "e\'] # opens a',
    '"\\u0061\\n" = 1979-05-27 07:32:00',
    "[ a ]",
    "x = 1\r",
    "[[t]]\r",
    "k = true\r",
    "  [[t.u]]",
    "  [t.v]",
    "  k = 'x#y'",
    "[[t]]",
    "[t.v]",
    "last = 1",
  ].join("\n");
  expect([...tomlLines(toml)].map(([path, line]) => `${line} ${path}`).toSorted(byLine)).toEqual(
    [
      ...["1 top", "1 top.inner", "1 top.inner.deep", "2 text", "5 other", "8 empty", "9 list", "10 list[0]"],
      ...["10 list[1]", "10 list[1].a", "10 list[1].b", "10 list[1].b.c", "11 list[1].b.c[0]", "13 list[2]"],
      ...['14 a."b.c"', '14 a."b.c"."d \\"e"', '15 a."b.c"."d \\"e"."a\\n"', "16 a", "17 a.x"],
      ...["18 t", "18 t[0]", "19 t[0].k", "20 t[0].u", "20 t[0].u[0]", "21 t[0].v", "22 t[0].v.k"],
      ...["23 t[1]", "24 t[1].v", "25 t[1].v.last"],
    ].toSorted(byLine),
  );
  expect(parse(toml)).toMatchObject({ t: [{ v: { k: "x#y" } }, { v: { last: 1 } }] });
});

function byLine(one: string, other: string): number {
  return Number.parseInt(one, 10) - Number.parseInt(other, 10) || (one < other ? -1 : 1);
}

type Tree = number | readonly Tree[] | { readonly [key: string]: Tree };

/** Every number of a tree, with its path. */
function numbers(tree: Tree, path: readonly (string | number)[] = []): readonly (readonly [string, number])[] {
  if (typeof tree === "number") return [[formatTomlPath(path), tree]];
  const entries = Array.isArray(tree) ? [...tree.entries()] : Object.entries(tree);
  return entries.flatMap(([key, value]) => numbers(value as Tree, [...path, key]));
}

test("the line of each value has that value", () => {
  let next = 1_000_000;
  const key = fc.oneof(fc.constantFrom("a", "b-c", "__proto__", "a.b", '"', "é\u202e"), fc.string({ minLength: 1 }));
  const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constant(0).map(() => next++),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, tree, { maxKeys: 5 }), (table) => {
      const toml = stringify(table);
      const lines = tomlLines(toml);
      const texts = toml.split("\n");
      for (const [path, value] of numbers(table)) {
        expect(texts[(lines.get(path) ?? 0) - 1] ?? "").toContain(String(value));
      }
    }),
  );
});

test("what the parser takes is walked to its end", () => {
  const pieces = fc.array(
    fc.constantFrom("[", "]", "{", "}", "=", ",", '"', "'", '"""', "\\", "\n", "#", ".", "a", "1"),
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const parsed = parseToml(parts.join(""));
      const keys = parsed.kind === "table" ? Object.keys(parsed.table) : [];
      const lines = keys.length === 0 ? undefined : tomlLines(parts.join(""));
      expect(keys.every((key) => lines?.has(formatTomlPath([key])))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
