import { dirname, resolve } from "node:path";
import { type NotificationEndpoint, parseNotifications } from "../distribution/notifications/parse-notifications.ts";
import { readUpkeep, UPKEEP_KEYS, type UpkeepConfig } from "../distribution/upkeep/upkeep-config.ts";
import { parseUpstreams } from "../distribution/upstream/parse-upstreams.ts";
import { findLoginProblems } from "../distribution/upstream/upstream-login.ts";
import type { UpstreamRule } from "../distribution/upstream/upstream-rule.ts";
import { type ListenAddress, parseListenAddress } from "../doors/registry/listen/listen-address.ts";
import type { TlsFiles } from "../doors/registry/listen/tls-files.ts";
import { formatError, GantryError } from "../errors/gantry-error.ts";
import { readTextFile } from "../platform/text-file.ts";
import { parseToml, type TomlTable } from "../toml/parse-toml.ts";
import { isPlainText, PLAIN_TEXT_RULE } from "../toml/plain-text.ts";
import { describeTomlProblems } from "../toml/toml-problems.ts";
import { isTomlTable, refuseUnknownKeys } from "../toml/toml-tables.ts";
import { isBareAddress } from "./bare-address.ts";
import { parseStorage, type StorageConfig } from "./storage-config.ts";

/** What `registry.toml` says of how a registry is served. Paths are absolute. */
export interface RegistryConfig {
  readonly listen?: ListenAddress;
  /** Where metrics are told, apart from the registry itself. */
  readonly metricsListen?: ListenAddress;
  readonly externalUrl?: string;
  readonly allowsSparse?: boolean;
  /** The file of users and rights. */
  readonly access?: string;
  /** A line of JSON for each request goes here; `-` is where the command prints. */
  readonly accessLog?: string;
  /** A line of JSON for each decision about rights goes here; `-` is where the command prints. */
  readonly auditLog?: string;
  readonly tls?: TlsFiles;
  readonly notifications?: readonly NotificationEndpoint[];
  /** Where blobs are. @default files below the root */
  readonly storage?: StorageConfig;
  /** What is copied from other registries. */
  readonly upstreams?: readonly UpstreamRule[];
  /** How what is kept is looked after. */
  readonly upkeep?: UpkeepConfig;
}

const KEYS = [
  "listen",
  "external-url",
  "allow-sparse",
  "access",
  "access-log",
  "audit-log",
  "tls",
  "metrics",
  "notifications",
  "upstream",
  "storage",
  ...UPKEEP_KEYS,
] as const;
const TLS_KEYS = ["certificate", "key", "client-authority"] as const;

/**
 * Reads `registry.toml`.
 *
 * ```toml
 * listen = ":5000"
 * external-url = "https://registry.example.org"
 * access = "access.toml"                # relative to this file
 * access-log = "/var/log/registry.log"  # or "-"
 *
 * [tls]
 * certificate = "registry.pem"
 * key = "registry.key"
 * client-authority = "clients.pem"      # clients may come with certificates
 *
 * [metrics]
 * listen = "127.0.0.1:5001"
 *
 * [[notifications]]                     # see parseNotifications
 * name = "builds"
 * url = "https://ci.example.org/hooks/registry"
 *
 * [[upstream]]                          # see parseUpstreams
 * prefix = "docker.io"
 * registry = "docker.io"
 *
 * [storage.s3]                          # see parseStorage
 * bucket = "images"
 * ```
 *
 * And what `readUpkeep` tells of.
 *
 * @throws `invalid-argument` with everything that is wrong with it, or with passwords that it names and that cannot be read
 */
export function readRegistryConfig(path: string): RegistryConfig {
  const text = readTextFile(path);
  const config = parseRegistryConfig(text, path);
  refuse(findLoginProblems(config.upstreams ?? []), text, path);
  return config;
}

/** As `readRegistryConfig`, of a text that was read from `path`; the files that it names are not looked at. */
export function parseRegistryConfig(text: string, path: string): RegistryConfig {
  const parsed = parseToml(text);
  if (parsed.kind === "problem") {
    throw new GantryError("invalid-argument", `${path}:${parsed.line} is no TOML: ${parsed.problem}`);
  }
  const reader = new ConfigReader(parsed.table, dirname(path));
  const config = reader.read();
  refuse(reader.problems, text, path);
  return config;
}

/** @param problems each begins with its place. */
function refuse(problems: readonly string[], text: string, path: string): void {
  if (problems.length === 0) return;
  throw new GantryError("invalid-argument", `invalid ${path}: ${describeTomlProblems(text, problems)}`);
}

class ConfigReader {
  readonly problems: string[] = [];
  readonly #table: TomlTable;
  readonly #folder: string;

  constructor(table: TomlTable, folder: string) {
    this.#table = table;
    this.#folder = folder;
  }

  read(): RegistryConfig {
    refuseUnknownKeys(this.#table, { path: "", known: KEYS, problems: this.problems });
    const metrics = this.#section("metrics", ["listen"]);
    return defined({
      storage: this.#storage(),
      listen: this.#address("listen", this.#table.listen),
      metricsListen: this.#address("metrics.listen", metrics?.listen),
      externalUrl: this.#externalUrl(),
      allowsSparse: this.#flag("allow-sparse"),
      access: this.#path("access", this.#table.access),
      accessLog: this.#log("access-log"),
      auditLog: this.#log("audit-log"),
      tls: this.#tls(),
      notifications: this.#notifications(),
      upstreams: this.#upstreams(),
      upkeep: UPKEEP_KEYS.some((key) => key in this.#table) ? readUpkeep(this.#table, this.problems) : undefined,
    });
  }

  #notifications(): readonly NotificationEndpoint[] | undefined {
    const { notifications } = this.#table;
    return notifications === undefined ? undefined : parseNotifications(notifications, this.problems);
  }

  #upstreams(): readonly UpstreamRule[] | undefined {
    const { upstream } = this.#table;
    if (upstream === undefined) return undefined;
    return parseUpstreams(upstream, this.problems, (path) => resolve(this.#folder, path));
  }

  #storage(): StorageConfig | undefined {
    const { storage } = this.#table;
    if (storage === undefined) return undefined;
    return parseStorage(storage, this.problems, (path) => resolve(this.#folder, path));
  }

  #tls(): TlsFiles | undefined {
    const section = this.#section("tls", TLS_KEYS);
    if (section === undefined) return undefined;
    const certificate = this.#path("tls.certificate", section.certificate);
    const key = this.#path("tls.key", section.key);
    if (certificate === undefined || key === undefined) {
      this.problems.push("tls needs both certificate and key");
      return undefined;
    }
    const clientAuthority = this.#path("tls.client-authority", section["client-authority"]);
    return { certificate, key, ...(clientAuthority === undefined ? {} : { clientAuthority }) };
  }

  #section(name: string, keys: readonly string[]): TomlTable | undefined {
    const value = this.#table[name];
    if (value === undefined) return undefined;
    if (!isTomlTable(value)) {
      this.problems.push(`${name} is not a table: write [${name}]`);
      return undefined;
    }
    refuseUnknownKeys(value, { path: name, known: keys, problems: this.problems });
    return value;
  }

  #text(place: string, value: unknown): string | undefined {
    if (value === undefined) return undefined;
    if (isPlainText(value)) return value;
    this.problems.push(`${place} is not ${PLAIN_TEXT_RULE}`);
    return undefined;
  }

  #path(place: string, value: unknown): string | undefined {
    const text = this.#text(place, value);
    return text === undefined ? undefined : resolve(this.#folder, text);
  }

  #log(key: "access-log" | "audit-log"): string | undefined {
    return this.#table[key] === "-" ? "-" : this.#path(key, this.#table[key]);
  }

  #flag(key: "allow-sparse"): boolean | undefined {
    const value = this.#table[key];
    if (value === undefined || typeof value === "boolean") return value;
    this.problems.push(`${key} is neither true nor false`);
    return undefined;
  }

  #address(place: string, value: unknown): ListenAddress | undefined {
    const text = this.#text(place, value);
    if (text === undefined) return undefined;
    try {
      return parseListenAddress(text);
    } catch (error) {
      this.problems.push(`${place}: ${formatError(error)}`);
      return undefined;
    }
  }

  #externalUrl(): string | undefined {
    const text = this.#text("external-url", this.#table["external-url"])?.replace(/\/$/, "");
    if (text === undefined || isBareAddress(text)) return text;
    this.problems.push("external-url is not an address without a path, as https://registry.example.org");
    return undefined;
  }
}

/** Without what is undefined. */
function defined<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}
