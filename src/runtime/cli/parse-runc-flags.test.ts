import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GantryError } from "../../errors/gantry-error.ts";
import { parseRuncFlags } from "./parse-runc-flags.ts";

const TABLE = {
  bundle: { takes: "text", short: "b" },
  force: { takes: "nothing", short: "f" },
  env: { takes: "list", short: "e" },
  count: { takes: "integer" },
} as const;

const parse = (argv: readonly string[], isInterspersed = true) => parseRuncFlags(TABLE, argv, { isInterspersed });

describe("parseRuncFlags", () => {
  test("one hyphen is as good as two, a value follows or stands behind =", () => {
    const { flags, positionals } = parse(["-bundle", "/a", "--env=A=B", "-e", "C", "--count", "-5", "-f=false", "id"]);
    expect([flags.text("bundle"), flags.list("env"), flags.integer("count"), flags.has("force")]).toEqual([
      "/a",
      ["A=B", "C"],
      -5,
      false,
    ]);
    expect(positionals).toEqual(["id"]);
  });

  test("flags may follow the id, and what is none of them is a positional there", () => {
    const { flags, positionals } = parse(["id", "--force", "-9", "-o", "pid"]);
    expect([flags.has("force"), positionals]).toEqual([true, ["id", "-9", "-o", "pid"]]);
  });

  test("another program's arguments are left alone", () => {
    const { flags, positionals } = parse(["-f", "id", "ls", "--force", "--", "-b"], false);
    expect([flags.has("force"), positionals]).toEqual([true, ["id", "ls", "--force", "--", "-b"]]);
  });

  test("-- ends the flags, - is a positional", () => {
    expect(parse(["--", "-f"]).positionals).toEqual(["-f"]);
    expect(parse(["-"]).positionals).toEqual(["-"]);
  });

  test.each<[readonly string[], string]>([
    [["--bogus"], "flag provided but not defined: -bogus"],
    [["--bundle"], "flag needs an argument: -bundle"],
    [["--force=maybe"], 'invalid boolean value "maybe" for -force'],
    [["--count", "x"], 'invalid value "x" for flag -count: not an integer'],
  ])("refuses %p", (argv, message) => {
    expect(() => parse(argv)).toThrow(message);
  });

  test("is total", () => {
    const word = fc.oneof(fc.constantFrom("-b", "--bundle", "-f", "--env=", "--count", "--", "-", "--=x"), fc.string());
    fc.assert(
      fc.property(fc.array(word), fc.boolean(), (argv, isInterspersed) => {
        try {
          expect(parse(argv, isInterspersed).positionals.every((positional) => argv.includes(positional))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(GantryError);
        }
      }),
    );
  });
});
