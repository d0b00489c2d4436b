import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import {
  parseDigest,
  parseRepositoryName,
  parseTagOrDigest,
  type RepositoryName,
  type Tag,
} from "../../distribution/repositories/repository-name.ts";
import type { Digest } from "../../oci/digest.ts";

/** What a path means (distribution-spec, "Endpoints"). */
export type RegistryRoute =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "tags"; readonly repository: RepositoryName }
  | { readonly kind: "referrers"; readonly repository: RepositoryName; readonly digest: Digest }
  | {
      readonly kind: "manifest";
      readonly repository: RepositoryName;
      readonly named: { readonly tag: Tag } | { readonly digest: Digest };
    }
  | { readonly kind: "blob"; readonly repository: RepositoryName; readonly digest: Digest }
  | { readonly kind: "uploads"; readonly repository: RepositoryName }
  | { readonly kind: "upload"; readonly repository: RepositoryName; readonly id: string };

/**
 * Reads a path below `/v2/`, which is hostile.
 *
 * @param path still with its percent signs.
 * @returns undefined for what is no endpoint.
 * @throws RegistryError NAME_INVALID, DIGEST_INVALID, MANIFEST_INVALID
 */
export function parseRegistryRoute(path: string): RegistryRoute | undefined {
  if (path === "/v2/" || path === "/v2") return { kind: "base" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  if (!path.startsWith("/v2/")) return undefined;
  const words = path.slice("/v2/".length).split("/").map(decode);
  const last = words.pop() ?? "";
  const before = words.pop() ?? "";
  const repository = (): RepositoryName => parseRepositoryName(words.join("/"));
  switch (before) {
    case "tags":
      return last === "list" ? { kind: "tags", repository: repository() } : undefined;
    case "referrers":
      return { kind: "referrers", repository: repository(), digest: parseDigest(last) };
    case "manifests":
      return { kind: "manifest", repository: repository(), named: parseTagOrDigest(last) };
    case "blobs":
      if (last === "uploads") return { kind: "uploads", repository: repository() };
      return { kind: "blob", repository: repository(), digest: parseDigest(last) };
    case "uploads": {
      if (words.pop() !== "blobs") return undefined;
      return last === ""
        ? { kind: "uploads", repository: repository() }
        : { kind: "upload", repository: repository(), id: last };
    }
    default:
      return undefined;
  }
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    throw new RegistryError("NAME_INVALID", "the path has a percent sign that encodes nothing");
  }
}
