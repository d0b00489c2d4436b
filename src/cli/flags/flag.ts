/** What all flags have. */
interface FlagBase {
  /** One letter, without its dash. */
  readonly short?: string;
  /** Further long names, which the help does not show. */
  readonly aliases?: readonly string[];
  readonly help: string;
}

/** A flag that is on or off: `--rm`, `--rm=false`. */
export interface SwitchFlag extends FlagBase {
  readonly kind: "switch";
  /** @default false */
  readonly isOnByDefault?: boolean;
}

/** A flag with one value; given again, the last one counts. */
export interface ValueFlag<T> extends FlagBase {
  readonly kind: "value";
  /** What the help calls the value. */
  readonly type: string;
  /** Throws an error whose message is one clear sentence. */
  readonly parse: (text: string) => T;
  /** What the help says that holds without the flag. */
  readonly shownDefault?: string;
}

/** A flag that can be given many times. */
export interface ListFlag<T> extends FlagBase {
  readonly kind: "list";
  readonly type: string;
  readonly parse: (text: string) => T;
}

/** A flag of Docker's that is known but not there yet: refused by name, never ignored. */
export interface AbsentFlag extends FlagBase {
  readonly kind: "absent";
  /** The values that change nothing, and so are taken; `undefined` is the flag without a value. */
  readonly harmless?: readonly (string | undefined)[];
  /** False for a flag without a value. */
  readonly takesValue: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds flags of every type; FlagValues takes the types out again
export type Flag = SwitchFlag | ValueFlag<any> | ListFlag<any> | AbsentFlag;

/** A command's flags by their long names. */
export type FlagTable = Readonly<Record<string, Flag>>;

export type FlagValue<F extends Flag> = F extends SwitchFlag
  ? boolean
  : F extends ListFlag<infer T>
    ? readonly T[]
    : F extends ValueFlag<infer T>
      ? T | undefined
      : undefined;

/** The values of a table's flags. Of a value flag that was not given it is `undefined`, of a list flag an empty list. */
export type FlagValues<T extends FlagTable> = { readonly [Name in keyof T]: FlagValue<T[Name]> };

type Extra = Partial<Pick<FlagBase, "short" | "aliases">>;

export function switchFlag(help: string, extra: Extra & { readonly isOnByDefault?: boolean } = {}): SwitchFlag {
  return { kind: "switch", help, ...extra };
}

export function valueFlag<T>(
  type: string,
  parse: (text: string) => T,
  help: string,
  extra: Extra & { readonly shownDefault?: string } = {},
): ValueFlag<T> {
  return { kind: "value", type, parse, help, ...extra };
}

const asIs = (text: string): string => text;

export function textFlag(help: string, extra: Extra & { readonly shownDefault?: string } = {}): ValueFlag<string> {
  return valueFlag("string", asIs, help, extra);
}

export function listFlag<T>(parse: (text: string) => T, help: string, extra: Extra = {}): ListFlag<T> {
  return { kind: "list", type: "list", parse, help, ...extra };
}

export function textListFlag(help: string, extra: Extra = {}): ListFlag<string> {
  return listFlag(asIs, help, extra);
}

/** A flag with a value that is not there yet. */
export function absentFlag(extra: Extra & { readonly harmless?: readonly (string | undefined)[] } = {}): AbsentFlag {
  return { kind: "absent", takesValue: true, help: "not there yet", ...extra };
}

/** A flag without a value that is not there yet. */
export function absentSwitch(extra: Extra & { readonly harmless?: readonly (string | undefined)[] } = {}): AbsentFlag {
  return { kind: "absent", takesValue: false, help: "not there yet", ...extra };
}
