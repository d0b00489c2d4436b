import { GantryError } from "../errors/gantry-error.ts";
import { parseTomlDocument, type TomlDocument } from "./toml-document.ts";

/** A user as they are written into `access.toml`. */
export interface NewUser {
  readonly name: string;
  readonly passwordHash?: string;
  readonly groups: readonly string[];
  readonly certificates: readonly string[];
}

type Table = Extract<TomlDocument["nodes"][number], { readonly type: "TOMLTable" }>;

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

function formatUser({ name, passwordHash, groups, certificates }: NewUser): string {
  const key = /^[A-Za-z0-9_-]+$/.test(name) ? name : quote(name);
  return [
    `[users.${key}]`,
    ...(passwordHash === undefined ? [] : [`password = ${quote(passwordHash)}`]),
    ...(groups.length === 0 ? [] : [`groups = ${formatList(groups)}`]),
    ...(certificates.length === 0 ? [] : [`certificates = ${formatList(certificates)}`]),
    "",
  ].join("\n");
}

function read(text: string): TomlDocument {
  const document = parseTomlDocument(text);
  if ("message" in document) throw new GantryError("invalid-argument", `line ${document.line}: ${document.message}`);
  return document;
}

function userTables(document: TomlDocument): readonly Table[] {
  return document.nodes.filter(
    (node): node is Table =>
      node.type === "TOMLTable" &&
      node.kind === "standard" &&
      node.resolvedKey.length === 2 &&
      node.resolvedKey[0] === "users",
  );
}

function findTable(document: TomlDocument, name: string): Table {
  const table = userTables(document).find(({ resolvedKey }) => resolvedKey[1] === name);
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
function tableEnd(text: string, table: Table): number {
  const last = table.body.at(-1)?.range[1] ?? table.key.range[1];
  return lineEnd(text, last);
}

/**
 * `text` with one user more, after the other users or at its end; everything else stays as it is, comments and order too. An empty
 * text begins with a rule that lets every user do everything.
 */
export function addUser(text: string, user: NewUser): string {
  if (text.trim() === "") return `${FIRST_LINES}\n${formatUser(user)}`;
  const last = userTables(read(text)).at(-1);
  const at = last === undefined ? text.length : tableEnd(text, last);
  const before = text.slice(0, at);
  const after = text.slice(at);
  const lead = before.endsWith("\n") ? "" : "\n";
  const gap = after === "" || after.startsWith("\n") ? "" : "\n";
  return `${before}${lead}\n${formatUser(user)}${gap}${after}`;
}

/** `text` without a user's table. @throws `unsupported` if it is written in another way. */
export function removeUser(text: string, name: string): string {
  const table = findTable(read(text), name);
  const start = text.lastIndexOf("\n", table.range[0]) + 1;
  let end = tableEnd(text, table);
  // One empty line parted it from the next: that goes too.
  if (text[end] === "\n") end += 1;
  return text.slice(0, start) + text.slice(end);
}

/** `text` with another password of a user. @throws `unsupported` if they are written in another way. */
export function changePassword(text: string, name: string, passwordHash: string): string {
  const table = findTable(read(text), name);
  const pair = table.body.find(({ key }) => text.slice(...key.range) === "password");
  if (pair !== undefined) {
    const [start, end] = pair.value.range;
    return `${text.slice(0, start)}${quote(passwordHash)}${text.slice(end)}`;
  }
  const at = lineEnd(text, table.key.range[1]);
  const lead = text.slice(0, at).endsWith("\n") ? "" : "\n";
  return `${text.slice(0, at)}${lead}password = ${quote(passwordHash)}\n${text.slice(at)}`;
}
