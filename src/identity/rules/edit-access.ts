import { GantryError } from "../../errors/gantry-error.ts";
import { type TomlTableRange, tomlTableRanges } from "../../toml/toml-table-ranges.ts";

/** A user as they are written into `access.toml`. */
export interface NewUser {
  readonly name: string;
  readonly passwordHash?: string;
  readonly groups: readonly string[];
  readonly certificates: readonly string[];
  /** Tokens of somebody who had the name before are no good. */
  readonly tokensSinceMs: number;
}

/** What a file begins with that the first user makes: the one rule that it has is there to be seen and narrowed. */
const FIRST_LINES = `# Who may do what with this registry. Read again when it changes.

# Rights add up; what none gives is denied. {user} is the name of who asks, * a part of a name, ** any number of parts.
[[rights]]
users = ["*"]
repositories = ["**"]
actions = ["pull", "push", "delete"]
`;

function quote(text: string): string {
  return JSON.stringify(text);
}

function formatList(texts: readonly string[]): string {
  return `[${texts.map(quote).join(", ")}]`;
}

function formatHeader(name: string): string {
  return `[users.${/^[A-Za-z0-9_-]+$/.test(name) ? name : quote(name)}]`;
}

function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function formatUser({ name, passwordHash, groups, certificates, tokensSinceMs }: NewUser): string {
  return [
    formatHeader(name),
    ...(passwordHash === undefined ? [] : [`password = ${quote(passwordHash)}`]),
    ...(groups.length === 0 ? [] : [`groups = ${formatList(groups)}`]),
    ...(certificates.length === 0 ? [] : [`certificates = ${formatList(certificates)}`]),
    // A new password ends what an old one was good for; certificates are the same again.
    ...(passwordHash === undefined ? [`tokens_since = ${formatTime(tokensSinceMs)}`] : []),
    "",
  ].join("\n");
}

/** Of a text that the rules were read from, as everywhere here. */
function userTables(text: string): readonly TomlTableRange[] {
  return tomlTableRanges(text, (keys) => keys.length === 2 && keys[0] === "users");
}

function findTable(text: string, name: string): TomlTableRange {
  const table = userTables(text).find(({ keys }) => keys[1] === name);
  if (table !== undefined) return table;
  throw new GantryError("unsupported", `user ${name} is not written as a table [users.${name}] of its own`, {
    hint: "change the file with an editor",
  });
}

/** The offset after the line that `offset` is in, what follows a value on its line included. */
function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf("\n", offset);
  return newline < 0 ? text.length : newline + 1;
}

/** The offset after a table's last line. */
function tableEnd(text: string, { header, pairs }: TomlTableRange): number {
  return lineEnd(text, (pairs.at(-1)?.value ?? header).end);
}

/**
 * `text` with one user more, after the other users or at its end; everything else stays as it is, comments and order too.
 *
 * @param options.isFirst nobody and no right is named there, so that everybody may do everything: then a rule lets every user do so still. Of an
 *   empty text that is clear.
 */
export function addUser(text: string, user: NewUser, { isFirst = false }: { readonly isFirst?: boolean } = {}): string {
  const table = formatUser(user);
  if (text.trim() === "") return `${FIRST_LINES}\n${table}`;
  return isFirst ? insertTable(text, `${FIRST_LINES}\n${table}`) : insertTable(text, table);
}

function insertTable(text: string, table: string): string {
  const last = userTables(text).at(-1);
  const at = last === undefined ? text.length : tableEnd(text, last);
  const before = text.slice(0, at);
  const after = text.slice(at);
  const lead = before.endsWith("\n") ? "" : "\n";
  const gap = after === "" || after.startsWith("\n") ? "" : "\n";
  return `${before}${lead}\n${table}${gap}${after}`;
}

/** `text` without a user's table. @throws `unsupported` if it is written in another way. */
export function removeUser(text: string, name: string): string {
  const table = findTable(text, name);
  const start = text.lastIndexOf("\n", table.header.start) + 1;
  let end = tableEnd(text, table);
  // One empty line parted it from the next: that goes too.
  if (text[end] === "\n") end += 1;
  return text.slice(0, start) + text.slice(end);
}

/** `text` with another password of a user. @throws `unsupported` if they are written in another way. */
export function changePassword(text: string, name: string, passwordHash: string): string {
  return setValue(text, findTable(text, name), { key: "password", value: quote(passwordHash) });
}

/**
 * `text` in which tokens that a user was given until then are no good. One of the password file alone gets a table.
 *
 * @throws `unsupported` if they are written in another way.
 */
export function revokeTokens(text: string, name: string, options: RevokeTokensOptions): string {
  const pair = { key: "tokens_since", value: formatTime(options.untilMs) };
  if (!options.isWrittenHere) return insertTable(text, `${formatHeader(name)}\n${pair.key} = ${pair.value}\n`);
  return setValue(text, findTable(text, name), pair);
}

export interface RevokeTokensOptions {
  readonly untilMs: number;
  /** False for one whom only the password file knows. */
  readonly isWrittenHere: boolean;
}

interface Pair {
  readonly key: string;
  /** As TOML. */
  readonly value: string;
}

/** Replaces a value where it stands, or writes it below the table's header. */
function setValue(text: string, { header, pairs }: TomlTableRange, { key, value }: Pair): string {
  const known = pairs.find(({ keys }) => keys.length === 1 && keys[0] === key);
  if (known !== undefined) return `${text.slice(0, known.value.start)}${value}${text.slice(known.value.end)}`;
  const at = lineEnd(text, header.end);
  const lead = text.slice(0, at).endsWith("\n") ? "" : "\n";
  return `${text.slice(0, at)}${lead}${key} = ${value}\n${text.slice(at)}`;
}
