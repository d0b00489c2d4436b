import { GantryError } from "../../errors/gantry-error.ts";
import { withComparableHost } from "../../oci/comparable-host.ts";
import { DEFAULT_REGISTRY, parseReference } from "../../oci/reference.ts";
import { parseToml, type TomlTable } from "../../toml/parse-toml.ts";
import { describeTomlProblems } from "../../toml/toml-problems.ts";
import { readTomlTables, refuseUnknownKeys } from "../../toml/toml-tables.ts";
import type { RegistriesConfig, RegistryEntry, RegistryMirror } from "./registries.ts";

/** An hour: whoever waits longer has forgotten it. */
const SECONDS_MAX = 3600;
const TOP_KEYS = ["default", "unqualified-search-registries", "registry"];
const ENTRY_KEYS = [
  ...["host", "prefix", "location", "insecure", "blocked", "timeout", "proxy", "mirror", "mirrors"],
  "mirror-by-digest-only",
];
const MIRROR_KEYS = ["location", "insecure", "pull-from-mirror"];
const PULLS: readonly string[] = ["all", "digest-only", "tag-only"];

function isHost(value: unknown): value is string {
  if (typeof value !== "string") return false;
  try {
    return parseReference(`${value}/x`).registry === value;
  } catch {
    return false;
  }
}

/** A registry with or without a path below it. */
function isLocation(value: unknown): value is string {
  if (typeof value !== "string") return false;
  const [host = ""] = value.split("/", 1);
  if (!isHost(host)) return false;
  try {
    parseReference(value.includes("/") ? value : `${value}/x`);
    return true;
  } catch {
    return false;
  }
}

function isPrefix(value: unknown): value is string {
  if (isLocation(value)) return true;
  // `lan` alone would be no registry, but `x.lan` is one. A port would fit no name: a domain stands for all of them.
  return typeof value === "string" && /^\*\.[^:[]+$/.test(value) && isHost(`x${value.slice(1)}`);
}

function isProxy(value: unknown): value is string {
  if (value === "direct") return true;
  return typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

/** Reads what the file says, and collects everything that is wrong with it. */
class RegistriesReader {
  readonly problems: string[] = [];

  read(document: TomlTable): RegistriesConfig {
    refuseUnknownKeys(document, { path: "", known: TOP_KEYS, problems: this.problems });
    const list = { path: "registry", known: ENTRY_KEYS, problems: this.problems };
    const placed = readTomlTables(document.registry, list, (table, path) => {
      const entry = this.#entry(table, path);
      return entry === undefined ? undefined : { entry, path };
    });
    const registries = placed.map(({ entry }) => entry);
    const prefixes = new Set<string>();
    for (const { entry, path } of placed) {
      const prefix = withComparableHost(entry.prefix);
      if (prefixes.has(prefix)) this.#add(path, `is the second one for ${prefix}`);
      prefixes.add(prefix);
    }
    return { defaultRegistry: this.#default(document), registries };
  }

  #add(path: string, problem: string): void {
    this.problems.push(`${path} ${problem}`);
  }

  #default(document: TomlTable): string {
    const search = document["unqualified-search-registries"];
    let key = "default";
    let value = document.default ?? DEFAULT_REGISTRY;
    if (search !== undefined) {
      key = "unqualified-search-registries";
      // One name must not mean images of several registries, whoever answers first.
      if (!Array.isArray(search) || search.length !== 1) {
        this.#add(key, "is not a list of one registry: the registry of names that say none");
        return DEFAULT_REGISTRY;
      }
      [value] = search;
      if (document.default !== undefined) this.#add(key, "says the same as `default`: keep one of them");
    }
    if (isHost(value)) return value;
    this.#add(key, 'is not a registry such as "docker.io"');
    return DEFAULT_REGISTRY;
  }

  #entry(value: TomlTable, path: string): RegistryEntry | undefined {
    const { prefix, location } = this.#place(value, path);
    const isInsecure = this.#flag(value, "insecure", path);
    const isBlocked = this.#flag(value, "blocked", path);
    const timeoutMs = this.#seconds(value, "timeout", path);
    const proxy = this.#proxy(value, path);
    const mirrors = this.#mirrors(value, path);
    if (prefix === undefined) return undefined;
    return {
      prefix,
      isInsecure,
      isBlocked,
      mirrors,
      ...(location === undefined ? {} : { location }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(proxy === undefined ? {} : { proxy }),
    };
  }

  /** `prefix` and `location` as podman has them, or `host`, which is both. */
  #place(table: TomlTable, path: string): { readonly prefix?: string; readonly location?: string } {
    const { host, prefix, location } = table;
    if (host !== undefined) {
      if (prefix !== undefined || location !== undefined) {
        this.#add(`${path}.host`, "says the same as prefix and location: keep one of them");
      }
      if (isHost(host)) return { prefix: host };
      this.#add(`${path}.host`, 'is not a registry such as "registry.lan:5000"');
      return {};
    }
    if (location !== undefined && !isLocation(location)) {
      this.#add(`${path}.location`, 'is not a place such as "registry.lan:5000/team"');
      return {};
    }
    const known = prefix ?? location;
    if (known === undefined) {
      this.#add(path, "needs a prefix or a location");
      return {};
    }
    if (!isPrefix(known)) {
      this.#add(`${path}.prefix`, 'is not the start of names such as "registry.lan:5000/team" or "*.example.com"');
      return {};
    }
    return { prefix: known, ...(location === undefined || location === known ? {} : { location }) };
  }

  #mirrors(table: TomlTable, path: string): readonly RegistryMirror[] {
    // The first form of this file had an empty list here.
    if (Array.isArray(table.mirrors) ? table.mirrors.length > 0 : table.mirrors !== undefined) {
      this.#add(`${path}.mirrors`, "is written [[registry.mirror]], one for each");
    }
    const isByDigest = this.#flag(table, "mirror-by-digest-only", path);
    const list = { path: `${path}.mirror`, known: MIRROR_KEYS, problems: this.problems };
    return readTomlTables(table.mirror, list, (mirror, at) => this.#mirror(mirror, at, isByDigest));
  }

  #mirror(value: TomlTable, path: string, isByDigest: boolean): RegistryMirror | undefined {
    const isInsecure = this.#flag(value, "insecure", path);
    const pulls = value["pull-from-mirror"] ?? (isByDigest ? "digest-only" : "all");
    if (typeof pulls !== "string" || !PULLS.includes(pulls)) {
      this.#add(`${path}.pull-from-mirror`, `is not one of ${PULLS.join(", ")}`);
      return undefined;
    }
    if (!isLocation(value.location)) {
      this.#add(`${path}.location`, 'is not a place such as "mirror.lan:5000/docker-hub"');
      return undefined;
    }
    return { location: value.location, isInsecure, pulls: pulls as RegistryMirror["pulls"] };
  }

  #flag(table: TomlTable, key: string, path: string): boolean {
    const value = table[key] ?? false;
    if (typeof value === "boolean") return value;
    this.#add(`${path}.${key}`, "is not true or false");
    return false;
  }

  #proxy(table: TomlTable, path: string): string | undefined {
    if (table.proxy === undefined || isProxy(table.proxy)) return table.proxy;
    this.#add(`${path}.proxy`, 'is not "direct" or an address such as "http://proxy.lan:3128"');
    return undefined;
  }

  /** A duration in seconds, as milliseconds. */
  #seconds(table: TomlTable, key: string, path: string): number | undefined {
    const value = table[key];
    if (value === undefined) return undefined;
    if (typeof value === "number" && value > 0 && value <= SECONDS_MAX) return Math.ceil(value * 1000);
    this.#add(`${path}.${key}`, `is not a number of seconds up to ${SECONDS_MAX}`);
    return undefined;
  }
}

/**
 * Reads `registries.toml`. Its words are those of containers-registries.conf(5), version 2, and mean the same:
 *
 * ```toml
 * default = "docker.io"               # the registry of names that say none
 *
 * [[registry]]
 * prefix = "docker.io"                # names that begin so; also "registry.lan:5000/team", "*.example.com"
 * location = "docker.io"              # what takes the prefix's place; left out: the prefix itself
 * insecure = false                    # true: plain HTTP, or HTTPS with any certificate
 * blocked = false                     # true: nothing is pulled from there or pushed to there
 * timeout = 30                        # seconds without a byte after which it is given up
 * proxy = "http://proxy.lan:3128"     # or "direct"; left out: what the environment says
 *
 * [[registry.mirror]]                 # asked first, in this order; what fails there is asked for at the next
 * location = "mirror.lan:5000/hub"
 * insecure = true
 * pull-from-mirror = "all"            # or "digest-only", "tag-only"
 * ```
 *
 * `host` stands for prefix and location at once.
 *
 * @throws `invalid-argument` naming line and key of everything that is wrong; a key that is not known is refused, never ignored.
 */
export function parseRegistries(toml: string): RegistriesConfig {
  const parsed = parseToml(toml);
  if (parsed.kind === "problem") {
    throw new GantryError("invalid-argument", `line ${parsed.line}: ${parsed.problem}`);
  }
  const reader = new RegistriesReader();
  const config = reader.read(parsed.table);
  if (reader.problems.length === 0) return config;
  throw new GantryError("invalid-argument", describeTomlProblems(toml, reader.problems));
}
