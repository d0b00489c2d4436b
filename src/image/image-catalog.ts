import type { ContentStore } from "../content/content-store.ts";
import type { ImageName } from "../content/image-names.ts";
import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, ImageManifest, Platform } from "../oci/image.ts";
import { isImageConfigType } from "../oci/manifest.ts";
import { choosePlatform, formatPlatform, hostPlatform, isCompatiblePlatform } from "../oci/platform.ts";
import {
  familiarReference,
  familiarRepository,
  formatReference,
  formatRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../oci/reference.ts";
import { type ChainId, chainIdsOf } from "./chain-id.ts";
import type { Image } from "./image.ts";
import type { ImageDocuments } from "./image-documents.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

export interface CatalogParts {
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
  readonly documents: ImageDocuments;
  /** @default this host's */
  readonly platform?: Platform;
  /** @default docker.io */
  readonly defaultRegistry?: () => string;
}

interface Selected {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

/** The images that the store's names make: who is called what, and which of an index is meant. */
export class ImageCatalog {
  readonly #parts: CatalogParts;
  readonly #host: Platform;

  constructor(parts: CatalogParts) {
    this.#parts = parts;
    this.#host = parts.platform ?? hostPlatform();
  }

  /** A name from outside, spelled out; `latest` where nothing else is said. */
  parse(name: string): Reference {
    const defaultRegistry = this.#parts.defaultRegistry?.();
    return withDefaultTag(parseReference(name, defaultRegistry === undefined ? {} : { defaultRegistry }));
  }

  /** All images, newest first. What cannot be read (an index of which nothing was pulled, say) is left out. */
  list(): readonly Image[] {
    const byId = new Map<Digest, Image>();
    for (const [target, names] of this.#byTarget()) {
      const image = this.#read(target, names);
      if (image === undefined) continue;
      const known = byId.get(image.id);
      byId.set(image.id, known === undefined ? image : merge(known, image));
    }
    return [...byId.values()].toSorted(
      (left, right) => createdMs(right) - createdMs(left) || (left.id < right.id ? -1 : 1),
    );
  }

  /**
   * The image of a name: a reference, `name@digest`, an id, or the start of one.
   *
   * @throws `not-found` in Docker's words: `No such image: busybox:latest`.
   */
  resolve(name: string, options: { readonly platform?: Platform } = {}): Image {
    const images = this.list();
    const byId = /^(?:sha256:)?[0-9a-f]{64}$/.test(name) ? this.#byDigest(images, name, options.platform) : undefined;
    if (byId !== undefined) return byId;
    const target = this.target(name);
    const names = target === undefined ? [] : (this.#byTarget().get(target.digest) ?? []);
    const image = target === undefined ? undefined : this.#read(target.digest, names, options.platform);
    if (image !== undefined) {
      const same = images.find((other) => other.id === image.id);
      return same === undefined || same.manifestDigest !== image.manifestDigest ? image : same;
    }
    if (target !== undefined) throw this.#missingPlatform(name, options.platform);
    const prefixed = this.#byDigest(images, name, options.platform);
    if (prefixed !== undefined) return prefixed;
    throw new GantryError("not-found", `No such image: ${this.#shown(name)}`);
  }

  /** What a reference points to, if it is one that is known. */
  target(name: string): ImageName | undefined {
    if (/^sha256:[0-9a-f]+$/.test(name)) return undefined;
    let reference: Reference;
    try {
      reference = this.parse(name);
    } catch (error) {
      if (isGantryError(error, "invalid-argument") && /^[0-9a-f]{64}$/.test(name)) return undefined;
      throw error;
    }
    const { content } = this.#parts;
    if (reference.digest === undefined) return content.names.get(formatReference(reference));
    // A digest names the same wherever it was found in this repository.
    const repository = formatRepository(reference);
    return content.names
      .of(reference.digest)
      .find((known) => known.name.startsWith(`${repository}:`) || known.name.startsWith(`${repository}@`));
  }

  /** The image of a stored target, whether or not it has a name. */
  read(target: Descriptor, platform?: Platform): Image | undefined {
    return this.#read(target.digest, this.#parts.content.names.of(target.digest), platform);
  }

  #shown(name: string): string {
    return /^(?:sha256:)?[0-9a-f]{12,64}$/.test(name) ? name : familiarReference(this.parse(name));
  }

  #byDigest(images: readonly Image[], name: string, platform: Platform | undefined): Image | undefined {
    const hex = name.startsWith("sha256:") ? name.slice(7) : name;
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined;
    const start = `sha256:${hex}`;
    const found = images.filter(
      (image) =>
        image.id.startsWith(start) ||
        (hex.length === 64 &&
          (image.manifestDigest === start || image.targets.some((target) => target.digest === start))),
    );
    if (found.length > 1) {
      throw new GantryError("invalid-argument", `multiple images have ids that start with ${JSON.stringify(name)}`);
    }
    const [image] = found;
    const isWanted = image === undefined || platform === undefined || isCompatiblePlatform(platform, image.platform);
    if (!isWanted) throw this.#missingPlatform(name, platform);
    return image;
  }

  #missingPlatform(name: string, platform: Platform | undefined): GantryError {
    if (platform === undefined) return new GantryError("not-found", `No such image: ${this.#shown(name)}`);
    return new GantryError(
      "not-found",
      `image with reference ${name} was found but does not provide the specified platform (${formatPlatform(platform)})`,
    );
  }

  #byTarget(): ReadonlyMap<Digest, readonly ImageName[]> {
    return Map.groupBy(this.#parts.content.names.list(), (name) => name.digest);
  }

  #read(target: Digest, names: readonly ImageName[], platform?: Platform): Image | undefined {
    const mediaType = names[0]?.mediaType ?? "";
    const size = this.#parts.content.stat(target)?.sizeBytes;
    if (size === undefined) return undefined;
    try {
      const selected = this.#select({ mediaType, digest: target, size }, platform);
      return selected === undefined ? undefined : this.#describe({ mediaType, digest: target, size }, selected, names);
    } catch (error) {
      if (isGantryError(error, "not-found") || isGantryError(error, "data-loss")) return undefined;
      throw error;
    }
  }

  /** The manifest that is meant: of an index the best for this host, or of the wanted platform, among those that are here. */
  #select(target: Descriptor, platform: Platform | undefined): Selected | undefined {
    const { documents, content } = this.#parts;
    const document = documents.manifest(target.digest);
    if (document.kind === "manifest") {
      const { manifest } = document;
      if (!isImageConfigType(manifest.config.mediaType)) return undefined;
      const actual = documents.config(manifest.config.digest);
      const isWanted = platform === undefined || isCompatiblePlatform(platform, actual);
      return isWanted ? { descriptor: target, manifest } : undefined;
    }
    const present = document.index.manifests.filter((entry) => content.has(entry.digest));
    const chosen = choosePlatform(present, platform ?? this.#host);
    const candidates = chosen === undefined ? [] : [chosen];
    // Entries need not say their platform; their configs do.
    if (platform === undefined || chosen === undefined) candidates.push(...present.filter((entry) => entry !== chosen));
    for (const entry of candidates) {
      if (entry.platform?.os === "unknown") continue;
      const selected = this.#selectPresent(entry, platform);
      if (selected !== undefined) return selected;
    }
    return undefined;
  }

  #selectPresent(entry: Descriptor, platform: Platform | undefined): Selected | undefined {
    try {
      return this.#select(entry, platform);
    } catch (error) {
      if (isGantryError(error, "not-found")) return undefined;
      throw error;
    }
  }

  #describe(target: Descriptor, selected: Selected, names: readonly ImageName[]): Image {
    const { snapshots, documents } = this.#parts;
    const { manifest, descriptor } = selected;
    const config = documents.config(manifest.config.digest);
    const chainId: ChainId | undefined = chainIdsOf(config.rootfs.diff_ids).at(-1);
    const isUnpacked = chainId !== undefined && snapshots.has(chainId);
    const packedBytes = manifest.layers.reduce((total, layer) => total + layer.size, 0);
    const references = names.flatMap((name) => (name.name.startsWith("<none>@") ? [] : [parseReference(name.name)]));
    return {
      id: manifest.config.digest,
      manifestDigest: descriptor.digest,
      targets: [target],
      manifest,
      config,
      platform: config,
      names: references.filter((reference) => reference.digest === undefined).map(familiarReference),
      repoDigests: [...new Set(references.map((reference) => `${familiarRepository(reference)}@${target.digest}`))],
      chainId,
      createdAt: config.created ?? "",
      sizeBytes: isUnpacked ? snapshots.sizeBytes(chainId) : packedBytes,
    };
  }
}

function merge(left: Image, right: Image): Image {
  return {
    ...left,
    targets: [...left.targets, ...right.targets],
    names: [...left.names, ...right.names],
    repoDigests: [...new Set([...left.repoDigests, ...right.repoDigests])],
  };
}

/** When an image was made; 0 where that is not said. */
export function createdMs(image: Pick<Image, "createdAt">): number {
  const time = Date.parse(image.createdAt);
  return Number.isNaN(time) ? 0 : time;
}
