/** The attributes of a certificate's subject, each of them once: `C`, `ST`, `O`, `CN` … */
export type DistinguishedName = ReadonlyMap<string, string>;

const PREFIX = "x509.subject:";
const REQUIRED = ["C", "ST", "O"];

/**
 * Reads a trusted identity, `x509.subject: C=US, ST=WA, O=acme.io` (notaryproject/specifications, "Trusted Identities
 * Constraints"; RFC 4514 without multi-valued and hexadecimal parts, as notation has it).
 *
 * @returns the attributes, or why it is none.
 */
export function parseIdentity(text: string): DistinguishedName | string {
  if (text.length > 4096) return "is longer than 4096 characters";
  if (!text.startsWith(PREFIX)) return `does not begin with "${PREFIX}"`;
  const name = new Map<string, string>();
  for (const part of splitUnescaped(text.slice(PREFIX.length))) {
    const equals = part.indexOf("=");
    const value = equals < 0 ? "" : unescaped(part.slice(equals + 1));
    if (value === "") return `has a part that is not NAME=VALUE: ${JSON.stringify(part.trim())}`;
    const written = part.slice(0, equals).trim().toUpperCase();
    const type = written === "S" ? "ST" : written;
    if (!/^[A-Z][A-Z0-9-]*$|^[0-9]+(?:\.[0-9]+)+$/.test(type)) return `has an attribute without a name: ${part.trim()}`;
    if (/^\s*#/.test(part.slice(equals + 1))) return `has a hexadecimal value, which is not supported: ${part.trim()}`;
    if (name.has(type)) return `has ${type} twice`;
    name.set(type, value);
  }
  const missing = REQUIRED.filter((type) => !name.has(type));
  return missing.length === 0 ? name : `has no ${missing.join(", ")}: C, ST and O are needed at least`;
}

/** Splits at commas (semicolons are the old form of them) that no backslash stands before. */
function splitUnescaped(text: string): readonly string[] {
  const parts: string[] = [""];
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (character === "\\") parts[parts.length - 1] += character + (text[++index] ?? "");
    else if (character === "," || character === ";") parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}

/** The value without the spaces around it that are not escaped, and without backslashes. */
function unescaped(text: string): string {
  return text
    .replace(/^\s+/, "")
    .replace(/(?<!\\)\s+$/, "")
    .replace(/\\(.)/g, "$1");
}

/** True if a certificate's subject has all that the identity names, with the same values. */
export function isSubsetOf(identity: DistinguishedName, subject: DistinguishedName): boolean {
  return [...identity].every(([type, value]) => subject.get(type) === value);
}

/** As people read it: `CN=release, O=acme.io, ST=WA, C=US`. */
export function formatName(name: DistinguishedName): string {
  return [...name].map(([type, value]) => `${type}=${value.replace(/[\\,;]/g, "\\$&")}`).join(", ");
}
