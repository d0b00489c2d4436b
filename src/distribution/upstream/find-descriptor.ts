import { type Digest, isDigest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { Manifests } from "../repositories/manifests.ts";
import type { RepositoryName } from "../repositories/repository-name.ts";

/** What a manifest of the repository says of a blob: its size above all. Undefined if none speaks of it. */
export async function findDescriptor(
  manifests: Manifests,
  repository: RepositoryName,
  digest: Digest,
): Promise<Descriptor | undefined> {
  for (const manifest of manifests.referringTo(repository, digest)) {
    const document: unknown = JSON.parse(new TextDecoder().decode(await manifests.read(manifest)));
    const found = descriptorsOf(document).find((descriptor) => descriptor.digest === digest);
    if (found !== undefined) return found;
  }
  return undefined;
}

function descriptorsOf(document: unknown): readonly Descriptor[] {
  const { config, layers, blobs, manifests } = (document ?? {}) as Readonly<Record<string, unknown>>;
  return [config, layers, blobs, manifests].flat().filter(isDescriptor);
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== "object" || value === null) return false;
  const { digest, size } = value as Partial<Descriptor>;
  return typeof digest === "string" && isDigest(digest) && Number.isSafeInteger(size) && Number(size) >= 0;
}
