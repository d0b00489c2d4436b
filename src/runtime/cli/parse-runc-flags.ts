import { GantryError } from "../../errors/gantry-error.ts";

/** What a flag takes: a text, several of them, an integer, or nothing. */
export interface FlagDefinition {
  readonly takes: "text" | "list" | "integer" | "nothing";
  readonly short?: string;
}

export type FlagTable = Readonly<Record<string, FlagDefinition>>;

/** Flags as they were given. */
export class GivenFlags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** The last value; undefined when it was not given, or is empty. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1) || undefined;
  }

  list(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  integer(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }

  has(name: string): boolean {
    return this.text(name) === "true";
  }
}

export interface ParsedRuncFlags {
  readonly flags: GivenFlags;
  readonly positionals: readonly string[];
}

function usage(message: string): GantryError {
  return new GantryError("invalid-argument", message);
}

const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);

function checkValue(name: string, definition: FlagDefinition, value: string): string {
  if (definition.takes === "nothing") {
    if (TRUE.has(value)) return "true";
    if (FALSE.has(value)) return "false";
    throw usage(`invalid boolean value ${JSON.stringify(value)} for -${name}`);
  }
  if (definition.takes === "integer" && !/^[+-]?\d{1,15}$/.test(value))
    throw usage(`invalid value ${JSON.stringify(value)} for flag -${name}: not an integer`);
  return value;
}

/**
 * Reads a command line as runc's does: one hyphen or two, `-name value` or `-name=value`, `--` ends the flags.
 *
 * @param options.isInterspersed flags may follow positionals; those that the command does not have are positionals there.
 * @throws `invalid-argument`
 */
export function parseRuncFlags(
  table: FlagTable,
  argv: readonly string[],
  options: { readonly isInterspersed: boolean },
): ParsedRuncFlags {
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const names = new Map<string, string>();
  for (const [name, { short }] of Object.entries(table)) {
    names.set(name, name);
    if (short !== undefined) names.set(short, name);
  }
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (argument === "--") {
      positionals.push(...argv.slice(index + 1));
      break;
    }
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    const given = match?.[1] ?? "";
    const name = names.get(given);
    const definition = name === undefined ? undefined : table[name];
    if (match === null || ((name === undefined || definition === undefined) && positionals.length > 0)) {
      if (!options.isInterspersed) {
        positionals.push(...argv.slice(index));
        break;
      }
      positionals.push(argument);
      continue;
    }
    if (name === undefined || definition === undefined) throw usage(`flag provided but not defined: -${given}`);
    let value = match[2];
    if (value === undefined && definition.takes !== "nothing") {
      value = argv[++index];
      if (value === undefined) throw usage(`flag needs an argument: -${given}`);
    }
    const list = values.get(name) ?? [];
    list.push(checkValue(given, definition, value ?? "true"));
    values.set(name, list);
  }
  return { flags: new GivenFlags(values), positionals };
}
