import { GantryError } from "../../errors/gantry-error.ts";
import { comparableHost, withComparableHost } from "../../oci/comparable-host.ts";
import {
  DEFAULT_REGISTRY,
  familiarReference,
  formatReference,
  formatRepository,
  type Reference,
} from "../../oci/reference.ts";

/** Another place that has the same content. */
export interface RegistryMirror {
  /** A registry, and the path below it that stands for the prefix: `mirror.lan:5000/docker-hub`. */
  readonly location: string;
  readonly isInsecure: boolean;
  /** Which references it is asked for. */
  readonly pulls: "all" | "digest-only" | "tag-only";
}

/** What holds for references that begin with a prefix. */
export interface RegistryEntry {
  /** `docker.io`, `registry.lan:5000/team`, `*.example.com`. */
  readonly prefix: string;
  /** What takes the prefix's place. @default the prefix itself */
  readonly location?: string;
  /** True if plain HTTP, and HTTPS with any certificate, are accepted. */
  readonly isInsecure: boolean;
  /** True if nothing may be pulled from there, nor pushed to there. */
  readonly isBlocked: boolean;
  /** How long it may keep a pull waiting; the client's default without it. */
  readonly timeoutMs?: number;
  /** The address of an HTTP proxy, or `direct`. @default what the environment says */
  readonly proxy?: string;
  /** Asked before the registry itself, in this order. */
  readonly mirrors: readonly RegistryMirror[];
}

/** The content of `registries.toml`. */
export interface RegistriesConfig {
  /** The registry of names that say none. */
  readonly defaultRegistry: string;
  readonly registries: readonly RegistryEntry[];
}

/** One place to ask for a reference. */
export interface RegistryPlace {
  /** As that place names it. */
  readonly reference: Reference;
  readonly isInsecure: boolean;
  readonly isMirror: boolean;
  readonly timeoutMs?: number;
  readonly proxy?: string;
}

/** What holds where there is no `registries.toml`. */
export const DEFAULT_REGISTRIES: RegistriesConfig = { defaultRegistry: DEFAULT_REGISTRY, registries: [] };

/** True for registries on this host itself, which are insecure without being listed, as with Docker. */
export function isLoopbackRegistry(host: string): boolean {
  const name = comparableHost(host).replace(/:[0-9]+$/, "");
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** How much of `name`, whose host is as it is compared, a prefix stands for; 0 if it does not (containers-registries.conf.d(5), "prefix"). */
function matchedLength(prefix: string, name: string): number {
  const text = withComparableHost(prefix);
  if (text.startsWith("*.")) {
    const end = name.search(/[/:@]|$/);
    return name.slice(0, end).endsWith(text.slice(1)) ? end : 0;
  }
  // A host alone stands for all of its ports, as with podman; with a port, be it the default one, for that.
  const end = /^[^/]*:[0-9]+$/.test(prefix) ? /^\// : /^(?:[/:@]|$)/;
  return name.startsWith(text) && end.test(name.slice(text.length)) ? text.length : 0;
}

/** The entry that holds for a reference: that of the longest prefix. */
export function findRegistry(config: RegistriesConfig, reference: Reference): RegistryEntry | undefined {
  const name = withComparableHost(formatReference(reference));
  const matching = config.registries.filter(({ prefix }) => matchedLength(prefix, name) > 0);
  const weight = ({ prefix }: RegistryEntry): number => withComparableHost(prefix).length;
  return matching.toSorted((left, right) => weight(right) - weight(left))[0];
}

function splitLocation(location: string): readonly [string, string] {
  const slash = location.indexOf("/");
  return slash < 0 ? [location, ""] : [location.slice(0, slash), location.slice(slash + 1)];
}

/** `reference` with `location` in place of what the prefix stands for. */
function relocate(reference: Reference, prefix: string, location: string): Reference {
  const name = withComparableHost(formatRepository(reference));
  // A prefix may reach into tag or digest; those stay.
  const length = Math.min(matchedLength(prefix, withComparableHost(formatReference(reference))), name.length);
  const [registry, repository] = splitLocation(`${location}${name.slice(length)}`);
  if (registry !== "" && repository !== "") return { ...reference, registry, repository };
  throw new GantryError(
    "invalid-argument",
    `registries.toml has ${location} for ${familiarReference(reference)}, which leaves no repository`,
  );
}

function isAskedFor(mirror: RegistryMirror, reference: Reference): boolean {
  if (mirror.pulls === "all") return true;
  return (reference.digest !== undefined) === (mirror.pulls === "digest-only");
}

/** The entry, unless it is blocked. @throws `permission-denied` */
function usable(config: RegistriesConfig, reference: Reference, verb: string): RegistryEntry {
  const entry = findRegistry(config, reference);
  if (entry?.isBlocked === true) {
    throw new GantryError(
      "permission-denied",
      `cannot ${verb} ${familiarReference(reference)}: registry ${entry.prefix} is blocked`,
      { hint: "registries.toml says so" },
    );
  }
  return entry ?? { prefix: reference.registry, isInsecure: false, isBlocked: false, mirrors: [] };
}

function place(reference: Reference, entry: RegistryEntry, isInsecure: boolean, isMirror: boolean): RegistryPlace {
  return {
    reference,
    isMirror,
    isInsecure: isInsecure || isLoopbackRegistry(reference.registry),
    ...(entry.timeoutMs === undefined ? {} : { timeoutMs: entry.timeoutMs }),
    ...(entry.proxy === undefined ? {} : { proxy: entry.proxy }),
  };
}

/**
 * Where to pull from, the first choice first: mirrors, then the registry itself.
 *
 * @throws `permission-denied` if it is blocked.
 */
export function pullPlaces(config: RegistriesConfig, reference: Reference): readonly RegistryPlace[] {
  const entry = usable(config, reference, "pull");
  const mirrors = entry.mirrors.filter((mirror) => isAskedFor(mirror, reference));
  return [
    ...mirrors.map((mirror) =>
      place(relocate(reference, entry.prefix, mirror.location), entry, mirror.isInsecure, true),
    ),
    place(registryItself(reference, entry), entry, entry.isInsecure, false),
  ];
}

/**
 * Where to push to: never to a mirror.
 *
 * @throws `permission-denied` if it is blocked.
 */
export function pushPlace(config: RegistriesConfig, reference: Reference): RegistryPlace {
  const entry = usable(config, reference, "push");
  return place(registryItself(reference, entry), entry, entry.isInsecure, false);
}

/**
 * A registry as a whole, for what is of no repository: logging in, searching.
 *
 * @throws `permission-denied` if it is blocked.
 */
export function registryPlace(config: RegistriesConfig, host: string): RegistryPlace {
  // Which repository is of no matter: what the file says of all of them holds.
  const reference: Reference = { registry: host, repository: "any" };
  const found = findRegistry(config, reference);
  if (found?.isBlocked === true) {
    throw new GantryError("permission-denied", `registry ${host} is blocked`, { hint: "registries.toml says so" });
  }
  const entry = found ?? { prefix: host, isInsecure: false, isBlocked: false, mirrors: [] };
  return place(reference, entry, entry.isInsecure, false);
}

function registryItself(reference: Reference, { prefix, location }: RegistryEntry): Reference {
  return location === undefined ? reference : relocate(reference, prefix, location);
}
