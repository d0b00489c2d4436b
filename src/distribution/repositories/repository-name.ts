import { type Digest, isDigest } from "../../oci/digest.ts";
import { RegistryError } from "./registry-error.ts";

declare const brand: unique symbol;

/** The name of a repository as a registry knows it: without a host (distribution-spec, "Pulling manifests", `<name>`). */
export type RepositoryName = string & { readonly [brand]: "RepositoryName" };

/** A tag (distribution-spec, "Pulling manifests"). */
export type Tag = string & { readonly [brand]: "Tag" };

// One component at a time, so that hostile names cost time linear in their length.
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** The longest name, so that clients whose limit of 255 counts the host too can still pull it (distribution-spec, "Pulling manifests", note). */
const NAME_LENGTH_MAX = 255;

/** @throws RegistryError NAME_INVALID */
export function parseRepositoryName(text: string): RepositoryName {
  const isValid = text.length <= NAME_LENGTH_MAX && text.split("/").every((component) => COMPONENT.test(component));
  if (isValid) return text as RepositoryName;
  throw new RegistryError("NAME_INVALID", `${JSON.stringify(shorten(text))} is no name of a repository`, {
    hint: `lower-case letters and digits, parted by one of . _ __ - or /, at most ${NAME_LENGTH_MAX}`,
    detail: { name: shorten(text) },
  });
}

export function isTag(text: string): text is Tag {
  return TAG.test(text);
}

/** Reads a tag or a digest, as manifests are asked for. @throws RegistryError MANIFEST_INVALID or DIGEST_INVALID */
export function parseTagOrDigest(text: string): { readonly tag: Tag } | { readonly digest: Digest } {
  if (isTag(text)) return { tag: text };
  if (text.includes(":")) return { digest: parseDigest(text) };
  throw new RegistryError("MANIFEST_INVALID", `${JSON.stringify(shorten(text))} is neither a tag nor a digest`, {
    detail: { reference: shorten(text) },
  });
}

/** @throws RegistryError DIGEST_INVALID */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new RegistryError("DIGEST_INVALID", `${JSON.stringify(shorten(text))} is no digest of sha256 or sha512`, {
    detail: { digest: shorten(text) },
  });
}

function shorten(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
