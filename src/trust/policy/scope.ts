import { comparableHost, withComparableHost } from "../../oci/comparable-host.ts";
import { formatReference, formatRepository, parseReference, type Reference } from "../../oci/reference.ts";

/** Which images a rule speaks of, as policy.json's scopes of `docker:` have it. */
export interface Scope {
  /** As it was written. */
  readonly text: string;
  readonly kind: "all" | "subdomains" | "prefix" | "image";
}

/**
 * Reads a scope: `*`, `*.example.com`, a registry, a folder of repositories or a repository in it, or one image by tag or digest;
 * always spelled out (`docker.io/library/busybox`, not `busybox`).
 *
 * @returns the scope, or why it is none.
 */
export function parseScope(text: string): Scope | string {
  if (text === "*") return { text, kind: "all" };
  if (text.startsWith("*.")) {
    // `lan` alone would be no registry, but `x.lan` is one.
    const host = `x${text.slice(1)}`;
    const isDomain = registryOf(host) === host && !/[:[]/.test(text);
    return isDomain ? { text, kind: "subdomains" } : 'is no domain such as "*.example.com"';
  }
  if (registryOf(text) === text) return { text, kind: "prefix" };
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch {
    return 'is no image such as "registry.lan:5000/app", no registry and no "*"';
  }
  const isTagged = reference.tag !== undefined || reference.digest !== undefined;
  const whole = isTagged ? formatReference(reference) : formatRepository(reference);
  // `docker.io/team` is a folder of repositories: what parseReference makes of it (library/team) is not meant.
  const isFolder = !isTagged && text.startsWith(`${reference.registry}/`);
  if (whole !== text && !isFolder) return `is not spelled out: write ${JSON.stringify(whole)}`;
  return { text, kind: isTagged ? "image" : "prefix" };
}

function registryOf(text: string): string | undefined {
  try {
    return parseReference(`${text}/x/y`).registry === text ? text : undefined;
  } catch {
    return undefined;
  }
}

/** How well a scope fits; 0 if it does not. The most specific one, the highest, is the one that holds. */
export function scopeWeight(scope: Scope, reference: Reference): number {
  const text = withComparableHost(scope.text);
  const repository = withComparableHost(formatRepository(reference));
  switch (scope.kind) {
    case "image":
      return withComparableHost(formatReference(reference)) === text ? 1e6 : 0;
    case "prefix":
      return repository === text || repository.startsWith(`${text}/`) ? 1e4 + text.length : 0;
    case "subdomains":
      return withoutPort(comparableHost(reference.registry)).endsWith(text.slice(1)) ? 1e2 + text.length : 0;
    case "all":
      return 1;
  }
}

function withoutPort(registry: string): string {
  return registry.replace(/:[0-9]+$/, "");
}
