import { expect, test } from "bun:test";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { tomlTableRanges } from "./toml-table-ranges.ts";

/** Each table's header, and its pairs' keys and values, as they are written. */
function written(toml: string): unknown {
  return tomlTableRanges(toml).map(({ header, keys, pairs }) => ({
    header: toml.slice(header.start, header.end),
    keys,
    pairs: pairs.map(({ keys, value }) => [keys.join("|"), toml.slice(value.start, value.end)]),
  }));
}

test("tables, keys and values stand where they are written, whatever is around them", () => {
  const toml = [
    "\uFEFFtop = 1",
    ' [ a . "b c" ] # [x]',
    "one = 1979-05-27 07:32:00  # a date",
    "two.three =[ # of several lines",
    "  1, '[y]', { z = '}' } ]\t",
    '"f\\u006fur" = """',
    "[no]",
    'key = "no" """"',
    "five = '' # empty\r",
    "path = 'C:\\' # 'x'",
    "[[list]]",
    "six = 6",
    "[list.below]",
    "seven = {",
    "  a.b = 7,",
    "}",
    "[empty]",
  ].join("\n");
  expect(parse(toml)).toMatchObject({ empty: {} });
  expect(written(toml)).toEqual([
    {
      header: '[ a . "b c" ]',
      keys: ["a", "b c"],
      pairs: [
        ["one", "1979-05-27 07:32:00"],
        ["two|three", "[ # of several lines\n  1, '[y]', { z = '}' } ]"],
        ["four", '"""\n[no]\nkey = "no" """"'],
        ["five", "''"],
        ["path", "'C:\\'"],
      ],
    },
    { header: "[list.below]", keys: ["list", "below"], pairs: [["seven", "{\n  a.b = 7,\n}"]] },
    { header: "[empty]", keys: ["empty"], pairs: [] },
  ]);
});

test("what is not wanted is passed over", () => {
  const toml = "[a]\nx = 1\n[b]\ny = 2\n[[c]]\nz = 3\n";
  const [b, ...others] = tomlTableRanges(toml, ([key]) => key === "b");
  expect([b?.keys, b?.pairs.map(({ keys }) => keys), others]).toEqual([["b"], [["y"]], []]);
});

const KEY = fc.oneof(fc.constantFrom("a", "b-c", "__proto__", "a.b", '"', "é\u202e"), fc.string({ minLength: 1 }));
const LEAF = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.date({ noInvalidDate: true }).map(String));
const VALUE = fc.oneof(LEAF, fc.array(fc.oneof(LEAF, fc.dictionary(KEY, LEAF, { maxKeys: 2 })), { maxLength: 3 }));

test("what stands there is the value that the parser finds, and a value in its place changes nothing else", () => {
  // Lists of tables have `[[…]]`, and are no tables of their own.
  const document = fc.dictionary(KEY, fc.dictionary(KEY, VALUE, { minKeys: 1, maxKeys: 4 }), {
    minKeys: 1,
    maxKeys: 4,
  });
  const spaces = fc.constantFrom("", " ", "\t # comment = [", "\n\n# [comment]", "\r");
  fc.assert(
    fc.property(document, spaces, (tables, space) => {
      const lines = stringify(tables).split("\n");
      const toml = lines.map((line) => `${line}${isToml(line) ? space : ""}\n`).join("");
      const parsed = parse(toml) as Record<string, Record<string, unknown>>;
      for (const { keys, pairs } of tomlTableRanges(toml)) {
        const table = parsed[keys[0] ?? ""] ?? {};
        for (const { keys: names, value } of pairs) {
          const [name = ""] = names;
          const text = toml.slice(value.start, value.end);
          expect(parse(`value = ${text}`).value).toEqual(table[name] as never);
          const changed = `${toml.slice(0, value.start)}"changed"${toml.slice(value.end)}`;
          const expected = structuredClone(parsed);
          Object.defineProperty(expected[keys[0] ?? ""], name, { value: "changed" });
          expect(parse(changed)).toEqual(expected as never);
        }
      }
    }),
  );
});

/** True for a line to which something can be added: others are in the middle of a value. */
function isToml(line: string): boolean {
  try {
    parse(line);
    return true;
  } catch {
    return false;
  }
}
