import type { ContentStore } from "../../content/content-store.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseReference, type Reference } from "../../oci/reference.ts";

/** How many leading parts two repositories have in common: neighbours are likelier to be allowed. */
function kinship(left: string, right: string): number {
  const parts = right.split("/");
  const different = left.split("/").findIndex((part, index) => part !== parts[index]);
  return different < 0 ? parts.length : different;
}

/**
 * Which repositories of a registry are known to hold which blobs: those that something was pulled from or pushed to, which names
 * with a digest tell.
 *
 * @param locate where a name leads, by `registries.toml`.
 * @param target the repository that they are wanted in.
 */
export function mountSources(
  content: Pick<ContentStore, "names" | "graph">,
  target: Reference,
  locate: (reference: Reference) => Reference,
): (digest: Digest) => readonly string[] {
  const holders = new Map<Digest, Set<string>>();
  const note = (digest: Digest, repository: string): void => {
    const known = holders.get(digest) ?? new Set();
    if (known.has(repository)) return;
    holders.set(digest, known.add(repository));
    for (const child of content.graph.references(digest)) note(child, repository);
  };
  for (const { name, digest } of content.names.list()) {
    if (!name.includes("@") || name.startsWith("<none>@")) continue;
    const { registry, repository } = locate(parseReference(name));
    if (registry === target.registry && repository !== target.repository) note(digest, repository);
  }
  return (digest) =>
    [...(holders.get(digest) ?? [])].toSorted(
      (left, right) => kinship(right, target.repository) - kinship(left, target.repository),
    );
}
