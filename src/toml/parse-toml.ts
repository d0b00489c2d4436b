import { parse } from "smol-toml";

export type TomlTable = Readonly<Record<string, unknown>>;

/** What a text is: a table, or no TOML, and in which line and why. */
export type ParsedToml =
  | { readonly kind: "table"; readonly table: TomlTable }
  | { readonly kind: "problem"; readonly line?: number; readonly problem: string };

/** Reads TOML. Never throws; why it is none is one sentence. */
export function parseToml(toml: string): ParsedToml {
  try {
    return { kind: "table", table: parse(toml) };
  } catch (cause) {
    // The rest of the message is a drawing of the place.
    const [message = ""] = cause instanceof Error ? cause.message.split("\n") : [];
    const problem = message.replace("Invalid TOML document: ", "") || "it is not TOML";
    const line = typeof cause === "object" && cause !== null && "line" in cause ? Number(cause.line) : undefined;
    return { kind: "problem", problem, ...(line === undefined ? {} : { line }) };
  }
}
