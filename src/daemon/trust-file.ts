import { dirname } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import type { PolicyFile } from "../trust/image-trust.ts";
import { parseTrustPolicy } from "../trust/policy/parse-trust-policy.ts";
import { ACCEPT_ALL } from "../trust/policy/trust-policy.ts";
import { watchedFile } from "./watched-file.ts";

/** Where an administrator says which images need whose signatures. */
const TRUST_PATH = "/etc/gantry/trust.toml";

/**
 * Gives the policy as the file says it now.
 *
 * @param path `GANTRY_TRUST`. One that is named has to be there: a mistyped path must not mean that everything is accepted.
 * @throws `invalid-argument` naming file and line, at each use, while the file cannot be understood.
 */
export function trustReader(path?: string): () => PolicyFile {
  const file = path || TRUST_PATH;
  const read = watchedFile(file, parseTrustPolicy);
  return () => {
    const at = { path: file, folder: dirname(file) };
    const policy = read();
    if (policy !== undefined) return { policy, ...at };
    if (!path) return { policy: ACCEPT_ALL, ...at };
    throw new GantryError("invalid-argument", `there is no trust policy ${file}, which GANTRY_TRUST names`);
  };
}
