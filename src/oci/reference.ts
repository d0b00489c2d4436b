import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, isDigest } from "./digest.ts";

/** The registry that a name without one means, as the field has it. */
export const DEFAULT_REGISTRY = "docker.io";

/** The tag that a name without tag and digest means. */
export const DEFAULT_TAG = "latest";

/** The name of an image in a registry, after normalising: what `busybox` says in short is spelled out. */
export interface Reference {
  /** `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/busybox`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export interface ParseReferenceOptions {
  /**
   * The registry of names that say none.
   * @default "docker.io"
   */
  readonly defaultRegistry?: string;
}

// The grammar stands in the package comment of distribution/reference. Tried one part at a time, each of these is
// linear in the length of its input, so that hostile names cost nothing.
const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const IDENTIFIER = /^[0-9a-f]{64}$/;
const REPOSITORY_LENGTH_MAX = 255;
const TEXT_LENGTH_MAX = 4096;

function invalid(message: string): GantryError {
  return new GantryError("invalid-argument", message, {
    hint: "a reference is [HOST[:PORT]/]NAME[:TAG][@DIGEST], its name in lower case",
  });
}

/** True for a host, with or without a port: a name, an IPv4 address, or an IPv6 address in brackets. */
export function isRegistryHost(text: string): boolean {
  return text.length <= REPOSITORY_LENGTH_MAX && HOST.test(text);
}

/** True for what may stand between the slashes of a repository's name. */
export function isPathComponent(text: string): boolean {
  return text.length <= REPOSITORY_LENGTH_MAX && PATH_COMPONENT.test(text);
}

/** True if the first component of a name is a registry, and no part of a path (Docker's rule). */
function isRegistry(component: string): boolean {
  return component === "localhost" || /[.:]/.test(component) || component.toLowerCase() !== component;
}

function splitRegistry(name: string, defaultRegistry: string): { registry: string; rest: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  let registry = defaultRegistry;
  let rest = name;
  if (first !== "" && isRegistry(first)) {
    registry = first === "index.docker.io" ? DEFAULT_REGISTRY : first;
    rest = name.slice(slash + 1);
  }
  if (registry === DEFAULT_REGISTRY && !rest.split(/[@]/, 1)[0]?.includes("/")) rest = `library/${rest}`;
  return { registry, rest };
}

function splitDigest(text: string): { name: string; digest?: Digest } {
  const at = text.indexOf("@");
  if (at < 0) return { name: text };
  const digest = text.slice(at + 1);
  if (!DIGEST.test(digest)) throw invalid("invalid reference format");
  if (isDigest(digest)) return { name: text.slice(0, at), digest };
  throw invalid(/^sha(256|512):/.test(digest) ? "invalid checksum digest length" : "unsupported digest algorithm");
}

/**
 * Reads a name of an image as people write it: `busybox`, `quay.io/app/web:1.2`, `localhost:5000/x@sha256:…`.
 * Neither a tag nor a digest is added; see `withDefaultTag`. Source: distribution/reference, `ParseNormalizedNamed`.
 *
 * @throws `invalid-argument` in Docker's words: `invalid reference format`,
 *   `invalid reference format: repository name (library/Foo) must be lowercase`.
 */
export function parseReference(text: string, options: ParseReferenceOptions = {}): Reference {
  if (text === "" || text.length > TEXT_LENGTH_MAX) throw invalid("invalid reference format");
  if (IDENTIFIER.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { registry, rest } = splitRegistry(text, options.defaultRegistry ?? DEFAULT_REGISTRY);
  const beforeTag = rest.split(":", 1)[0] ?? "";
  if (beforeTag.toLowerCase() !== beforeTag) {
    throw invalid(`invalid reference format: repository name (${beforeTag}) must be lowercase`);
  }
  const { name, digest } = splitDigest(rest);
  const colon = name.indexOf(":");
  const repository = colon < 0 ? name : name.slice(0, colon);
  const tag = colon < 0 ? undefined : name.slice(colon + 1);
  const isWellFormed =
    HOST.test(registry) &&
    repository.split("/").every((component) => PATH_COMPONENT.test(component)) &&
    (tag === undefined || TAG.test(tag));
  if (!isWellFormed) throw invalid("invalid reference format");
  if (repository.length > REPOSITORY_LENGTH_MAX) {
    throw invalid(
      `invalid reference format: repository name must not be more than ${REPOSITORY_LENGTH_MAX} characters`,
    );
  }
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The same reference, with `latest` where it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: DEFAULT_TAG } : reference;
}

function suffix(reference: Reference): string {
  const { tag, digest } = withDefaultTag(reference);
  return `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** Registry and repository, without tag and digest: `docker.io/library/busybox`. */
export function formatRepository(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** Registry and repository as Docker shows them: `busybox`, `app/web`, `quay.io/app/web`. */
export function familiarRepository(reference: Reference): string {
  if (reference.registry !== DEFAULT_REGISTRY) return formatRepository(reference);
  const official = /^library\/([^/]+)$/.exec(reference.repository)?.[1];
  return official ?? reference.repository;
}

/**
 * The whole name: `docker.io/library/busybox:latest`. What has neither tag nor digest means `latest`, and is written so;
 * hence two references mean the same exactly if their formatted texts are equal.
 */
export function formatReference(reference: Reference): string {
  return `${formatRepository(reference)}${suffix(reference)}`;
}

/** The whole name as Docker shows it: `busybox:latest`. */
export function familiarReference(reference: Reference): string {
  return `${familiarRepository(reference)}${suffix(reference)}`;
}
