import { readFileSync, statSync } from "node:fs";
import { parseRegistries } from "../distribution/client/parse-registries.ts";
import { DEFAULT_REGISTRIES, type RegistriesConfig } from "../distribution/client/registries.ts";
import { GantryError } from "../errors/gantry-error.ts";

/** Where an administrator says which registries are default, insecure or blocked. */
const REGISTRIES_PATH = "/etc/gantry/registries.toml";

/**
 * Gives the configuration as the file says it now: it is read again when it has changed.
 *
 * @throws `invalid-argument` naming file and line, at each use, while the file cannot be understood: a registry that should be
 * blocked must not be asked meanwhile.
 */
export function registriesReader(path: string = REGISTRIES_PATH): () => RegistriesConfig {
  let known: { readonly stamp: string; readonly config: RegistriesConfig } | undefined;
  return () => {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return DEFAULT_REGISTRIES;
    const stamp = `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
    if (known?.stamp !== stamp) known = { stamp, config: parse(path) };
    return known.config;
  };
}

function parse(path: string): RegistriesConfig {
  try {
    return parseRegistries(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new GantryError("invalid-argument", `cannot understand ${path}`, { cause });
  }
}
