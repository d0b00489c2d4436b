import { isRegistryHost } from "../../oci/reference.ts";
import type { TomlTable } from "../../toml/parse-toml.ts";
import { isPlainText } from "../../toml/plain-text.ts";
import { readTomlTables } from "../../toml/toml-tables.ts";
import { parseDuration } from "../upkeep/retention/duration.ts";
import type { UpstreamRule } from "./upstream-rule.ts";

const KEYS: readonly string[] = ["prefix", "registry", "path", "username", "password-file", "refresh"];
const NAME = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;

/**
 * Reads the `[[upstream]]` tables of `registry.toml`.
 *
 * ```toml
 * [[upstream]]
 * prefix = "docker.io"             # here: HOST/docker.io/library/busybox; left out or "": every repository
 * registry = "docker.io"           # as registries.toml and certs.d know it
 * path = "library"                 # what names begin with there; left out: nothing
 * username = "robot"
 * password-file = "docker-io.password"
 * refresh = "5m"                   # how long a tag is believed without asking again
 * ```
 *
 * @param problems what is wrong is added here, each with its place.
 * @param resolvePath makes a path of the file absolute
 */
export function parseUpstreams(
  value: unknown,
  problems: string[],
  resolvePath: (path: string) => string,
): readonly UpstreamRule[] {
  const rules = readTomlTables(value, { path: "upstream", known: KEYS, problems }, (table, place) =>
    readRule(table, { place, problems, resolvePath }),
  );
  const prefixes = rules.map((rule) => rule.prefix);
  const repeated = prefixes.find((prefix, index) => prefixes.indexOf(prefix) !== index);
  if (repeated !== undefined) problems.push(`upstream: two have the prefix ${JSON.stringify(repeated)}`);
  return rules;
}

interface Reading {
  readonly place: string;
  readonly problems: string[];
  readonly resolvePath: (path: string) => string;
}

function readRule(table: TomlTable, reading: Reading): UpstreamRule | undefined {
  const { place, problems, resolvePath } = reading;
  const before = problems.length;
  const { prefix = "", registry, path = "", username, "password-file": passwordFile, refresh = "5m" } = table;
  for (const [key, name] of Object.entries({ prefix, path })) {
    if (name !== "" && (typeof name !== "string" || !NAME.test(name))) {
      problems.push(`${place}.${key} is not what names of repositories begin with`);
    }
  }
  if (typeof registry !== "string" || !isRegistryHost(registry))
    problems.push(`${place}.registry is no HOST or HOST:PORT`);
  const hasLogin = username !== undefined || passwordFile !== undefined;
  if (hasLogin && (!isPlainText(username) || !isPlainText(passwordFile))) {
    problems.push(`${place} needs both username and password-file, or neither`);
  }
  const refreshMs = parseDuration(refresh);
  if (refreshMs === undefined) problems.push(`${place}.refresh is no duration, as 90s, 5m or 12h`);
  if (refreshMs === undefined || problems.length > before) return undefined;
  return {
    prefix: String(prefix),
    registry: String(registry),
    path: String(path),
    refreshMs,
    ...(hasLogin ? { login: { username: String(username), passwordFile: resolvePath(String(passwordFile)) } } : {}),
  };
}
