import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../usage-error.ts";
import { absentFlag, absentSwitch, switchFlag, textFlag, textListFlag, valueFlag } from "./flag.ts";
import { formatFlags } from "./format-flags.ts";
import { parseFlags } from "./parse-flags.ts";

const TABLE = {
  interactive: switchFlag("Keep STDIN open", { short: "i" }),
  tty: switchFlag("A terminal", { short: "t" }),
  detach: switchFlag("In the background", { short: "d" }),
  proxy: switchFlag("Signals", { isOnByDefault: true }),
  env: textListFlag("A variable", { short: "e" }),
  name: textFlag("The name", { aliases: ["called"] }),
  count: valueFlag("int", Number, "A number of things that is described at such a length that it takes two lines", {
    short: "n",
    shownDefault: "3",
  }),
  gpus: absentFlag(),
  restart: absentFlag({ harmless: ["no"] }),
  killer: absentSwitch(),
};

const parse = (line: string, isInterspersed = true) =>
  parseFlags(TABLE, line === "" ? [] : line.split(" "), { isInterspersed });

describe("parseFlags", () => {
  test("takes short flags together, with values in every form", () => {
    const { flags, positionals, given } = parse("-itd -e=A=1 -eB=2 -e C=3 --name=x --env D --proxy=false image");
    expect(flags).toMatchObject({
      interactive: true,
      tty: true,
      detach: true,
      proxy: false,
      env: ["A=1", "B=2", "C=3", "D"],
      name: "x",
    });
    expect(positionals).toEqual(["image"]);
    expect([...given].sort()).toEqual(["detach", "env", "interactive", "name", "proxy", "tty"]);
  });

  test("a switch with letters behind it, and a value flag at their end", () => {
    expect(parse("-itn 5 x")).toMatchObject({ flags: { interactive: true, tty: true, count: 5 }, positionals: ["x"] });
    expect(parse("-t=false -i").flags).toMatchObject({ tty: false, interactive: true });
  });

  test("flags after positionals are the command's, or the other program's", () => {
    expect(parse("a -i b")).toMatchObject({ flags: { interactive: true }, positionals: ["a", "b"] });
    expect(parse("-t a -i b", false)).toMatchObject({
      flags: { interactive: false, tty: true },
      positionals: ["a", "-i", "b"],
    });
    expect(parse("-t -- -i b").positionals).toEqual(["-i", "b"]);
    expect(parse("-").positionals).toEqual(["-"]);
  });

  test("an alias means the same", () => expect(parse("--called x").flags.name).toBe("x"));

  test("help is wanted wherever it is asked for, but not from another program", () => {
    expect([parse("-h"), parse("a --help"), parse("-ih"), parse("a --help", false)].map((p) => p.isHelpWanted)).toEqual(
      [true, true, true, false],
    );
  });

  for (const [line, message] of [
    ["--foo", "unknown flag: --foo"],
    ["-ixt", "unknown shorthand flag: 'x' in -xt"],
    ["--name", "flag needs an argument: --name"],
    ["-ie", "flag needs an argument: 'e' in -ie"],
    ["--=x", "bad flag syntax: --=x"],
    ["---x", "bad flag syntax: ---x"],
    ["--tty=perhaps", 'invalid argument "perhaps" for "-t, --tty" flag: "perhaps" is neither true nor false'],
    ["--gpus all", "unsupported: --gpus is not there yet"],
    ["--restart=always", "unsupported: --restart is not there yet"],
    ["--killer", "unsupported: --killer is not there yet"],
    ["--__proto__ x", "unknown flag: --__proto__"],
  ] as const) {
    test(`\`${line}\` is refused: ${message}`, () => expect(() => parse(line)).toThrow(message));
  }

  test("what is not there, set to what it is anyway, passes", () =>
    expect(parse("--restart no x").positionals).toEqual(["x"]));

  test("no command line makes it fail otherwise than by a sentence", () => {
    const word = fc.oneof(fc.string(), fc.constantFrom("-i", "--name", "-e", "--", "--env=a", "-n=1", "-ite"));
    fc.assert(
      fc.property(fc.array(word), (argv) => {
        try {
          parseFlags(TABLE, argv);
        } catch (error) {
          expect(
            error instanceof UsageError || (error instanceof Error && error.message.startsWith("unsupported")),
          ).toBe(true);
        }
      }),
    );
  });
});

describe("formatFlags", () => {
  test("lists by name, wraps, and leaves out what is not there", () => {
    expect(formatFlags(TABLE, 60)).toBe(
      [
        "  -n, --count int     A number of things that is described",
        "                      at such a length that it takes two",
        "                      lines (default 3)",
        "  -d, --detach        In the background",
        "  -e, --env list      A variable",
        "  -i, --interactive   Keep STDIN open",
        "      --name string   The name",
        "      --proxy         Signals (default true)",
        "  -t, --tty           A terminal",
      ].join("\n"),
    );
  });
});
