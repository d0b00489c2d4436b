import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { parseToml } from "./parse-toml.ts";
import { findUnclosedQuote } from "./unclosed-quote.ts";

const ONE = (quote: string): string => `: close it on this line, or write ${quote.repeat(3)} for a text of several`;

test.each([
  ['a = 1\nb = "abc\nc = 2\n', 2, `the quote " in column 5 is not closed${ONE('"')}`],
  ['a = 1\nb = "abc', 2, `the quote " in column 5 is not closed${ONE('"')}`],
  ["b = 'abc\r\nc = 'x'\r\n", 1, `the quote ' in column 5 is not closed${ONE("'")}`],
  ['b = "abc\\"\nc = 1', 1, `the quote " in column 5 is not closed${ONE('"')}`],
  ['b = "abc\\\nc = 1', 1, `the quote " in column 5 is not closed${ONE('"')}`],
  ['[[rule]]\nimage = ["x", "y]\n', 2, `the quote " in column 15 is not closed${ONE('"')}`],
  ['[rule."a]\nimage = 1\n', 1, `the quote " in column 7 is not closed${ONE('"')}`],
  ['# "\na = """b""""" # "\nc = """d\n\n"e" = 1\n', 3, 'the quote """ in column 5 is not closed: close it'],
  ["c = '''d\nf = '' # x\n", 1, "the quote ''' in column 5 is not closed: close it"],
])("an unclosed quote is told where it begins: %j", (toml, line, problem) => {
  expect(parseToml(toml)).toEqual({ kind: "problem", line, problem });
});

test.each([
  ['a = "x\u0001y"\n', 1],
  ['a = 1\nb = c\nd = "e\n', 2],
  ['a = ["x, "y"]\n', 1],
])("another mistake is told as what it is: %j", (toml, line) => {
  const parsed = parseToml(toml);
  expect(parsed).toMatchObject({ kind: "problem", line });
  expect(parsed.kind === "problem" && parsed.problem).not.toContain("is not closed");
});

test("in what is TOML every quote is closed", () => {
  const text = fc.string({ unit: fc.constantFrom(..."\"'\\#\n=[]a\u0001") });
  fc.assert(
    fc.property(fc.dictionary(text, text, { maxKeys: 4 }), (table) => {
      expect(findUnclosedQuote(stringify(table))).toBeUndefined();
    }),
  );
  expect(findUnclosedQuote('a = """\\"""""" # "\nb = \'\'\'\'\'\'\'\'\nc = "" # \'\nd = \'\\\'')).toBeUndefined();
});
