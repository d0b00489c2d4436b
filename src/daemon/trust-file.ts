import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import type { PolicyFile } from "../trust/image-trust.ts";
import { parseTrustPolicy } from "../trust/policy/parse-trust-policy.ts";
import { ACCEPT_ALL, type TrustPolicy } from "../trust/policy/trust-policy.ts";

/** Where an administrator says which images need whose signatures. */
const TRUST_PATH = "/etc/gantry/trust.toml";

/**
 * Gives the policy as the file says it now: it is read again when it has changed.
 *
 * @param path `GANTRY_TRUST`. One that is named has to be there: a mistyped path must not mean that everything is accepted.
 * @throws `invalid-argument` naming file and line, at each use, while the file cannot be understood.
 */
export function trustReader(path?: string): () => PolicyFile {
  const file = path || TRUST_PATH;
  let known: { readonly stamp: string; readonly policy: TrustPolicy } | undefined;
  return () => {
    const stat = statSync(file, { throwIfNoEntry: false });
    const at = { path: file, folder: dirname(file) };
    if (stat === undefined) {
      if (!path) return { policy: ACCEPT_ALL, ...at };
      throw new GantryError("invalid-argument", `there is no trust policy ${file}, which GANTRY_TRUST names`);
    }
    const stamp = `${stat.mtimeMs} ${stat.ctimeMs} ${stat.size} ${stat.ino}`;
    if (known?.stamp !== stamp) known = { stamp, policy: parse(file) };
    return { policy: known.policy, ...at };
  };
}

function parse(path: string): TrustPolicy {
  try {
    return parseTrustPolicy(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new GantryError("invalid-argument", `cannot understand ${path}`, { cause });
  }
}
