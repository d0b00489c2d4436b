import { DEFAULT_TAG, familiarReference, parseReference } from "../../oci/reference.ts";

/** The name as Docker shows it, `busybox:latest`; what is no name is left as it is. */
export function familiarName(name: string): string {
  try {
    return familiarReference(parseReference(name));
  } catch {
    return name;
  }
}

/**
 * A name as the pull call takes it: `latest` where it says neither tag nor digest.
 *
 * @throws `invalid-argument` in Docker's words.
 */
export function splitImageName(name: string): { readonly fromImage: string; readonly tag?: string } {
  const { tag, digest } = parseReference(name);
  if (digest !== undefined) return { fromImage: name };
  if (tag === undefined) return { fromImage: name, tag: DEFAULT_TAG };
  return { fromImage: name.slice(0, name.length - tag.length - 1), tag };
}
