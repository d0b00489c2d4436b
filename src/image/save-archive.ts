import type { ContentStore } from "../content/content-store.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, ImageIndex } from "../oci/image.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { encodeTarHeader, tarEnd, tarPadding } from "../tar/tar-writer.ts";
import type { Image } from "./image.ts";
import type { ImageDocuments } from "./image-documents.ts";

/** An image to save, with the names to give it. */
export interface SavedImage {
  readonly image: Image;
  /** What the name points to; of an index, what is stored of it goes along. */
  readonly target: Descriptor;
  /** Spelled out, and as Docker shows it. */
  readonly names: readonly { readonly full: string; readonly familiar: string }[];
}

function blobName(digest: Digest): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/** All that a manifest or index needs, as far as it is stored. */
function reachable(content: ContentStore, root: Digest, found: Set<Digest>): void {
  if (found.has(root) || !content.has(root)) return;
  found.add(root);
  for (const child of content.graph.references(root)) reachable(content, child, found);
}

function tagOf(name: string): string {
  return /:([^/:@]+)$/.exec(name)?.[1] ?? name;
}

/**
 * One archive that is both an OCI image layout and what `docker save` writes, as Docker's own since version 25. Blobs are the
 * stored ones, bit for bit, verified on the way. The same images give the same bytes.
 */
export async function* saveArchive(
  images: readonly SavedImage[],
  parts: { readonly content: ContentStore; readonly documents: ImageDocuments },
): AsyncGenerator<Uint8Array, void> {
  const { content } = parts;
  const blobs = new Set<Digest>();
  for (const { image, target } of images) {
    reachable(content, target.digest, blobs);
    reachable(content, image.manifestDigest, blobs);
  }
  yield directory("blobs/");
  yield directory("blobs/sha256/");
  for (const digest of [...blobs].toSorted()) {
    const sizeBytes = content.stat(digest)?.sizeBytes ?? 0;
    yield encodeTarHeader({ type: "file", path: blobName(digest), mode: 0o644, sizeBytes });
    yield* content.open(digest);
    yield tarPadding(sizeBytes);
  }
  const index: ImageIndex = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociIndex,
    manifests: images.flatMap(({ target, names }) => {
      const { mediaType, digest, size } = target;
      if (names.length === 0) return [{ mediaType, digest, size }];
      return names.map(({ full }) => ({
        mediaType,
        digest,
        size,
        annotations: { "io.containerd.image.name": full, "org.opencontainers.image.ref.name": tagOf(full) },
      }));
    }),
  };
  yield* file("index.json", JSON.stringify(index));
  const manifest = images.map(({ image, names }) => ({
    Config: blobName(image.id),
    RepoTags: names.length === 0 ? null : names.map(({ familiar }) => familiar),
    Layers: image.manifest.layers.map((layer) => blobName(layer.digest)),
  }));
  yield* file("manifest.json", JSON.stringify(manifest));
  yield* file("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
  const repositories: Record<string, Record<string, string>> = {};
  for (const { image, names } of images) {
    for (const { familiar } of names) {
      const repository = familiar.replace(/:[^/:]+$/, "");
      const top = image.manifest.layers.at(-1)?.digest ?? image.id;
      repositories[repository] = { ...repositories[repository], [tagOf(familiar)]: top.replace(/^.*:/, "") };
    }
  }
  if (Object.keys(repositories).length > 0) yield* file("repositories", JSON.stringify(repositories));
  yield tarEnd();
}

function directory(path: string): Uint8Array {
  return encodeTarHeader({ type: "directory", path, mode: 0o755 });
}

function* file(path: string, text: string): Generator<Uint8Array, void> {
  const bytes = Buffer.from(text);
  yield encodeTarHeader({ type: "file", path, mode: 0o644, sizeBytes: bytes.length });
  yield bytes;
  yield tarPadding(bytes.length);
}
