import type { RegistryClient, ResolvedManifest } from "../../distribution/client/registry-client.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Descriptor, ImageIndex, ImageManifest, Platform } from "../../oci/image.ts";
import { choosePlatform, formatPlatform } from "../../oci/platform.ts";
import { familiarReference, type Reference } from "../../oci/reference.ts";

/** A manifest for one platform, and the way to it. */
export interface SelectedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly manifest: ImageManifest;
  /** The indexes that led to it, outermost first. Kept whole. */
  readonly indexes: readonly {
    readonly descriptor: Descriptor;
    readonly bytes: Uint8Array;
    readonly index: ImageIndex;
  }[];
}

/** Gets the manifest that an index's entry names; from wherever it is at hand. */
export type FetchManifest = (entry: Descriptor) => Promise<ResolvedManifest>;

const INDEX_DEPTH_MAX = 4;

function describePlatforms(index: ImageIndex): string {
  const names = index.manifests.flatMap(({ platform }) =>
    platform === undefined || platform.os === "unknown" ? [] : [formatPlatform(platform)],
  );
  return names.length === 0 ? "it names no platforms" : `it has ${[...new Set(names)].slice(0, 20).join(", ")}`;
}

/** The entry for `platform`. An index of one image alone may leave its platform out, as some tools do. */
function selectEntry(index: ImageIndex, platform: Platform): Descriptor {
  const chosen = choosePlatform(index.manifests, platform);
  const [only, ...others] = index.manifests.filter(
    (entry) => entry.platform === undefined && entry.artifactType === undefined,
  );
  const fallback = index.manifests.length === 1 && others.length === 0 ? only : undefined;
  const entry = chosen ?? fallback;
  if (entry !== undefined) return entry;
  throw new GantryError(
    "not-found",
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
    { hint: describePlatforms(index) },
  );
}

/**
 * Goes from what a name means to the manifest for `platform`, through indexes where there are.
 *
 * @throws `not-found` if no entry is for that platform, `data-loss` if indexes do not end.
 */
export async function selectManifest(
  root: ResolvedManifest,
  platform: Platform,
  fetchManifest: FetchManifest,
): Promise<SelectedManifest> {
  const indexes: SelectedManifest["indexes"][number][] = [];
  let current = root;
  while (current.document.kind === "index") {
    const { index } = current.document;
    if (indexes.length === INDEX_DEPTH_MAX) {
      throw new GantryError("data-loss", `indexes are nested deeper than ${INDEX_DEPTH_MAX}`);
    }
    indexes.push({ descriptor: current.descriptor, bytes: current.bytes, index });
    current = await fetchManifest(selectEntry(index, platform));
  }
  return { descriptor: current.descriptor, bytes: current.bytes, manifest: current.document.manifest, indexes };
}

/** Gets entries of an index from the registry that the index came from, by digest and of the size that the index says. */
export function fetchFromRegistry(
  client: RegistryClient,
  from: Reference,
  signal: AbortSignal | undefined,
): FetchManifest {
  return async (entry) => {
    const reference: Reference = { registry: from.registry, repository: from.repository, digest: entry.digest };
    const resolved = await client.resolve(reference, { signal });
    if (resolved.descriptor.size === entry.size) return resolved;
    const sizes = `${resolved.descriptor.size} bytes instead of ${entry.size}`;
    throw new GantryError("data-loss", `manifest ${familiarReference(reference)} has ${sizes}`);
  };
}
