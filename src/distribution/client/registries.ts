import { parse } from "smol-toml";
import { GantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_REGISTRY, parseReference } from "../../oci/reference.ts";

/** What is known of one registry. */
export interface RegistryEntry {
  /** As references name it: `docker.io`, `registry.lan:5000`. */
  readonly host: string;
  /** True if plain HTTP, and HTTPS with any certificate, are accepted. */
  readonly isInsecure: boolean;
  /** True if nothing may be pulled from there. */
  readonly isBlocked: boolean;
  /** How long it may keep a pull waiting; the client's default without it. */
  readonly timeoutMs?: number;
}

/** The content of `registries.toml`. */
export interface RegistriesConfig {
  /** The registry of names that say none. */
  readonly defaultRegistry: string;
  readonly registries: readonly RegistryEntry[];
}

/** What holds where there is no `registries.toml`. */
export const DEFAULT_REGISTRIES: RegistriesConfig = { defaultRegistry: DEFAULT_REGISTRY, registries: [] };

/** An hour: whoever waits longer has forgotten it. */
const SECONDS_MAX = 3600;

type Table = { readonly [key: string]: unknown };

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isHost(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    return parseReference(`${value}/x`).registry === value;
  } catch {
    return false;
  }
}

function readFlag(table: Table, key: string, path: string, problems: string[]): boolean {
  const value = table[key] ?? false;
  if (typeof value === "boolean") return value;
  problems.push(`${path}.${key} is not true or false`);
  return false;
}

/** A duration in seconds, as milliseconds. */
function readSeconds(table: Table, key: string, path: string, problems: string[]): number | undefined {
  const value = table[key];
  if (value === undefined) return undefined;
  if (typeof value === "number" && value > 0 && value <= SECONDS_MAX) return Math.ceil(value * 1000);
  problems.push(`${path}.${key} is not a number of seconds up to ${SECONDS_MAX}`);
  return undefined;
}

function readEntry(value: unknown, path: string, problems: string[]): RegistryEntry | undefined {
  if (!isTable(value)) {
    problems.push(`${path} is not a table`);
    return undefined;
  }
  const { host } = value;
  for (const key of Object.keys(value)) {
    if (!["host", "insecure", "blocked", "timeout", "mirrors"].includes(key))
      problems.push(`${path}.${key} is not known`);
  }
  if (!isHost(host)) problems.push(`${path}.host is not a registry such as "registry.lan:5000"`);
  if (Array.isArray(value.mirrors) ? value.mirrors.length > 0 : value.mirrors !== undefined) {
    problems.push(`${path}.mirrors is not supported yet`);
  }
  const isInsecure = readFlag(value, "insecure", path, problems);
  const isBlocked = readFlag(value, "blocked", path, problems);
  const timeoutMs = readSeconds(value, "timeout", path, problems);
  if (!isHost(host)) return undefined;
  return { host, isInsecure, isBlocked, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}

/**
 * Reads `registries.toml`:
 *
 * ```toml
 * default = "docker.io"      # the registry of names that say none
 *
 * [[registry]]
 * host = "registry.lan:5000"
 * insecure = true            # plain HTTP, or HTTPS with any certificate
 * blocked = false            # true: nothing is pulled from there
 * timeout = 30               # seconds without a byte after which a pull is given up
 * ```
 *
 * @throws `invalid-argument` naming everything that is wrong; a key that is not known is refused, never ignored.
 */
export function parseRegistries(toml: string): RegistriesConfig {
  let document: unknown;
  try {
    document = parse(toml);
  } catch (cause) {
    const [line = "it is not TOML"] = cause instanceof Error ? cause.message.split("\n") : [];
    throw new GantryError("invalid-argument", `invalid registries.toml: ${line}`, { cause });
  }
  const table = document as Table;
  const problems: string[] = [];
  for (const key of Object.keys(table)) {
    if (key !== "default" && key !== "registry") problems.push(`${key} is not known`);
  }
  const defaultRegistry = table.default ?? DEFAULT_REGISTRY;
  if (!isHost(defaultRegistry)) problems.push('default is not a registry such as "docker.io"');
  const list = table.registry ?? [];
  if (!Array.isArray(list)) problems.push("registry is not a list of tables: write [[registry]]");
  const registries = (Array.isArray(list) ? list : []).flatMap(
    (item, index) => readEntry(item, `registry[${index}]`, problems) ?? [],
  );
  registries.forEach(({ host }, index) => {
    if (registries.findIndex((entry) => entry.host === host) !== index)
      problems.push(`registry ${host} is there twice`);
  });
  if (problems.length > 0) {
    throw new GantryError("invalid-argument", `invalid registries.toml: ${problems.join("; ")}`);
  }
  return { defaultRegistry: String(defaultRegistry), registries };
}

/** True for registries on this host itself, which are insecure without being listed, as with Docker. */
export function isLoopbackRegistry(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** What holds for `host`, listed or not. */
export function findRegistry(config: RegistriesConfig, host: string): RegistryEntry {
  const listed = config.registries.find((entry) => entry.host === host);
  return {
    host,
    isBlocked: listed?.isBlocked ?? false,
    isInsecure: (listed?.isInsecure ?? false) || isLoopbackRegistry(host),
    ...(listed?.timeoutMs === undefined ? {} : { timeoutMs: listed.timeoutMs }),
  };
}
