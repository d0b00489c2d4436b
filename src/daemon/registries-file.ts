import { parseRegistries } from "../distribution/client/parse-registries.ts";
import { DEFAULT_REGISTRIES, type RegistriesConfig } from "../distribution/client/registries.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { watchedFile } from "./watched-file.ts";

/** Where an administrator says which registries are default, insecure or blocked. */
const REGISTRIES_PATH = "/etc/gantry/registries.toml";

/**
 * Gives the configuration as the file says it now.
 *
 * @param path `GANTRY_REGISTRIES`. One that is named has to be there: a mistyped path must not unblock what is blocked.
 * @throws `invalid-argument` naming file and line, at each use, while the file cannot be understood.
 */
export function registriesReader(path?: string): () => RegistriesConfig {
  const file = path || REGISTRIES_PATH;
  const read = watchedFile(file, parseRegistries);
  return () => {
    const config = read();
    if (config !== undefined) return config;
    if (!path) return DEFAULT_REGISTRIES;
    throw new GantryError("invalid-argument", `there is no ${file}, which GANTRY_REGISTRIES names`);
  };
}
