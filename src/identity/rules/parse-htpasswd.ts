import { quoteTomlText } from "../../toml/toml-path.ts";
import { describeBadHash } from "../login/password-hash.ts";
import { isUserName, USER_NAME_RULE } from "./user-name.ts";

export interface HtpasswdEntry {
  readonly name: string;
  readonly passwordHash: string;
}

export interface Htpasswd {
  readonly entries: readonly HtpasswdEntry[];
  /** Each with its place: `htpasswd:3: …`. */
  readonly problems: readonly string[];
}

/**
 * Reads a password file of `htpasswd -B`: `name:hash` in each line; empty lines and those that begin with `#` are left out. Total:
 * collects everything that is wrong.
 */
export function parseHtpasswd(text: string, fileName: string): Htpasswd {
  const entries: HtpasswdEntry[] = [];
  const problems: string[] = [];
  const names = new Set<string>();
  text.split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const place = `${fileName}:${index + 1}`;
    const colon = line.indexOf(":");
    const name = colon < 0 ? "" : line.slice(0, colon);
    const passwordHash = line.slice(colon + 1).trim();
    const why = describeBadHash(passwordHash);
    if (colon < 0) problems.push(`${place}: this is not NAME:HASH`);
    else if (!isUserName(name)) problems.push(`${place}: ${quoteTomlText(name)} is no name: ${USER_NAME_RULE}`);
    else if (names.has(name)) problems.push(`${place}: user ${name} is there twice`);
    else if (why !== undefined) problems.push(`${place}: the password of ${name} ${why}`);
    else entries.push({ name, passwordHash });
    names.add(name);
  });
  return { entries, problems };
}
