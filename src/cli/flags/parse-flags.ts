import { GantryError } from "../../errors/gantry-error.ts";
import { UsageError } from "../usage-error.ts";
import type { Flag, FlagTable, FlagValues } from "./flag.ts";

/** What a command was called with. */
export interface ParsedFlags<T extends FlagTable> {
  readonly flags: FlagValues<T>;
  /** Long names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
  /** `--help` was given: nothing after it was read. */
  readonly isHelpWanted: boolean;
}

export interface ParseFlagsOptions {
  /**
   * Flags may follow positionals.
   * @default true
   */
  readonly isInterspersed?: boolean;
}

const TRUE_WORDS = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE_WORDS = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function parseBoolean(text: string): boolean {
  if (TRUE_WORDS.has(text)) return true;
  if (FALSE_WORDS.has(text)) return false;
  throw new Error(`${JSON.stringify(text)} is neither true nor false`);
}

interface KnownFlag {
  readonly name: string;
  readonly flag: Flag;
}

/** The mutable half of a parse: values as they are collected. */
class Collector {
  readonly values: Record<string, unknown> = {};
  readonly given = new Set<string>();
  readonly long = new Map<string, KnownFlag>();
  readonly short = new Map<string, KnownFlag>();

  constructor(table: FlagTable) {
    for (const [name, flag] of Object.entries(table)) {
      const known = { name, flag };
      this.long.set(name, known);
      for (const alias of flag.aliases ?? []) this.long.set(alias, known);
      if (flag.short !== undefined) this.short.set(flag.short, known);
      if (flag.kind === "switch") this.values[name] = flag.isOnByDefault ?? false;
      if (flag.kind === "list") this.values[name] = [];
    }
  }

  set({ name, flag }: KnownFlag, text: string | undefined): void {
    if (flag.kind === "absent") {
      if (flag.harmless?.includes(text)) return;
      throw new GantryError("unsupported", `unsupported: --${name} is not there yet`, { exitCode: 125 });
    }
    try {
      if (flag.kind === "switch") this.values[name] = text === undefined ? true : parseBoolean(text);
      else if (flag.kind === "value") this.values[name] = flag.parse(text ?? "");
      else (this.values[name] as unknown[]).push(flag.parse(text ?? ""));
    } catch (error) {
      const shown = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
      const reason = error instanceof Error ? error.message : String(error);
      throw new UsageError("flag", `invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${reason}`);
    }
    this.given.add(name);
  }
}

function takesValue(flag: Flag): boolean {
  return flag.kind === "absent" ? flag.takesValue : flag.kind !== "switch";
}

/** Reads `--name`, `--name=value` or `--name value`; tells whether `next` was used. `undefined`: help is wanted. */
function parseLong(collector: Collector, body: string, next: string | undefined): boolean | undefined {
  const equals = body.indexOf("=");
  const name = equals < 0 ? body : body.slice(0, equals);
  if (name === "" || name.startsWith("-")) throw new UsageError("flag", `bad flag syntax: --${body}`);
  const known = collector.long.get(name);
  if (known === undefined) {
    if (name === "help") return undefined;
    throw new UsageError("flag", `unknown flag: --${name}`);
  }
  if (equals >= 0) {
    collector.set(known, body.slice(equals + 1));
    return false;
  }
  if (!takesValue(known.flag)) {
    collector.set(known, undefined);
    return false;
  }
  if (next === undefined) throw new UsageError("flag", `flag needs an argument: --${name}`);
  collector.set(known, next);
  return true;
}

/** Reads `-itd`, `-e=x`, `-ex` or `-e x`; tells whether `next` was used. `undefined`: help is wanted. */
function parseShorts(collector: Collector, body: string, next: string | undefined): boolean | undefined {
  const letters = [...body];
  for (let index = 0; index < letters.length; index++) {
    const letter = letters[index] ?? "";
    const known = collector.short.get(letter);
    if (known === undefined) {
      if (letter === "h") return undefined;
      throw new UsageError("flag", `unknown shorthand flag: '${letter}' in -${letters.slice(index).join("")}`);
    }
    const rest = letters.slice(index + 1).join("");
    if (rest.startsWith("=") && rest.length > 1) {
      collector.set(known, rest.slice(1));
      return false;
    }
    if (!takesValue(known.flag)) {
      collector.set(known, undefined);
      continue;
    }
    if (rest !== "") {
      collector.set(known, rest);
      return false;
    }
    if (next === undefined) throw new UsageError("flag", `flag needs an argument: '${letter}' in -${body}`);
    collector.set(known, next);
    return true;
  }
  return false;
}

/**
 * Reads a command's arguments by its table, in the grammar that Docker's command line has (spf13/pflag).
 *
 * @throws `UsageError` in pflag's words; `unsupported` for a flag that is known but not there yet.
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  options: ParseFlagsOptions = {},
): ParsedFlags<T> {
  const isInterspersed = options.isInterspersed ?? true;
  const collector = new Collector(table);
  const positionals: string[] = [];
  const result = (isHelpWanted: boolean): ParsedFlags<T> => ({
    flags: collector.values as FlagValues<T>,
    given: collector.given,
    positionals,
    isHelpWanted,
  });
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (argument === "--") {
      positionals.push(...argv.slice(index + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      if (!isInterspersed) {
        positionals.push(...argv.slice(index));
        break;
      }
      positionals.push(argument);
      continue;
    }
    const next = argv[index + 1];
    const isNextUsed = argument.startsWith("--")
      ? parseLong(collector, argument.slice(2), next)
      : parseShorts(collector, argument.slice(1), next);
    if (isNextUsed === undefined) return result(true);
    if (isNextUsed) index++;
  }
  return result(false);
}
