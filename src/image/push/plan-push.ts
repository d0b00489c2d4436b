import type { ContentStore } from "../../content/content-store.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import { isForeignLayer } from "../../oci/foreign-layer.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor, ImageIndex, ImageManifest, Platform } from "../../oci/image.ts";
import { isImageConfigType, MANIFEST_BYTES_MAX } from "../../oci/manifest.ts";
import { choosePlatform, formatPlatform, isCompatiblePlatform } from "../../oci/platform.ts";
import type { ImageDocuments } from "../image-documents.ts";

/** A blob to bring to a registry. */
export interface PlannedBlob {
  readonly descriptor: Descriptor;
  /** How progress names it; undefined for a config, which Docker does not show. */
  readonly id?: string;
  /** Registries need not have it, and are not given it. */
  readonly isForeign: boolean;
}

export interface PlannedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What a push sends, and in which order. */
export interface PushPlan {
  /** Each once; as Docker shows them, the top layer first. */
  readonly blobs: readonly PlannedBlob[];
  /** What is inside before what it is in. The last one is what the tag will mean. */
  readonly manifests: readonly [...PlannedManifest[], PlannedManifest];
  /** What else the image has that does not go along, in a sentence. */
  readonly note?: string;
}

export interface PlanPushParts {
  readonly content: Pick<ContentStore, "has" | "stat">;
  readonly documents: Pick<ImageDocuments, "manifest" | "config" | "bytes">;
  /** True if the repository that is pushed to has the manifest. */
  readonly isThere: (digest: Digest) => Promise<boolean>;
}

export interface PlanPushOptions {
  /** As messages name it. */
  readonly name: string;
  /** This platform alone, as an image of its own. */
  readonly platform?: Platform | undefined;
}

/**
 * Plans what has to be in a registry so that `target` can be there: all platforms that are here. An index stays byte for byte if what is
 * missing here is there already; else it becomes one of those that are here, or the only one of them.
 *
 * @throws `not-found` if nothing of it is here, or the wanted platform is not.
 */
export async function planPush(target: Digest, parts: PlanPushParts, options: PlanPushOptions): Promise<PushPlan> {
  return await new PushPlanner(parts, options).plan(target);
}

class PushPlanner {
  readonly #parts: PlanPushParts;
  readonly #options: PlanPushOptions;
  readonly #blobs = new Map<Digest, PlannedBlob>();
  readonly #manifests = new Map<Digest, PlannedManifest>();

  constructor(parts: PlanPushParts, options: PlanPushOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async plan(target: Digest): Promise<PushPlan> {
    const document = this.#parts.documents.manifest(target);
    if (this.#options.platform !== undefined) return this.#planAlone(this.#choose(target, this.#options.platform));
    if (document.kind === "manifest") return this.#planAlone(target);
    const { manifests } = document.index;
    const present = manifests.filter((entry) => this.#isWhole(entry.digest));
    const missing = manifests.filter((entry) => !present.includes(entry));
    const there = await Promise.all(missing.map((entry) => this.#parts.isThere(entry.digest)));
    if (there.every((isThere) => isThere)) {
      for (const entry of present) this.#add(entry.digest);
      return this.#finish(this.#stored(target));
    }
    return this.#planPresent(document.index, document.mediaType, present);
  }

  /** The index without what is neither here nor there. */
  #planPresent(index: ImageIndex, mediaType: string, present: readonly Descriptor[]): PushPlan {
    const images = present.filter(({ platform }) => platform?.os !== "unknown");
    const [first] = images;
    if (first === undefined) throw this.#nothingHere("none of its platforms is here");
    const all = index.manifests.filter(({ platform }) => platform?.os !== "unknown");
    const note = `Not all platforms of ${this.#options.name} are here: pushing ${platformsOf(images)} of ${platformsOf(all)}`;
    if (images.length === 1) return { ...this.#planAlone(first.digest), note };
    for (const entry of present) this.#add(entry.digest);
    const bytes = new TextEncoder().encode(JSON.stringify({ ...index, manifests: present }));
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    return { ...this.#finish({ descriptor, bytes }), note };
  }

  #planAlone(digest: Digest): PushPlan {
    if (!this.#isWhole(digest)) throw this.#nothingHere("some of its content is not here");
    this.#add(digest);
    const own = this.#stored(digest);
    this.#manifests.delete(digest);
    return this.#finish(own);
  }

  #finish(root: PlannedManifest): PushPlan {
    return { blobs: [...this.#blobs.values()], manifests: [...this.#manifests.values(), root] };
  }

  #nothingHere(why: string): GantryError {
    return new GantryError("not-found", `cannot push ${this.#options.name}: ${why}`, {
      hint: "pull it for the platforms that are wanted, with `gantry pull --platform`",
    });
  }

  #choose(target: Digest, platform: Platform): Digest {
    const document = this.#parts.documents.manifest(target);
    const missing = new GantryError(
      "not-found",
      `image with reference ${this.#options.name} was found but does not provide the specified platform (${formatPlatform(platform)})`,
    );
    if (document.kind === "manifest") {
      const { config } = document.manifest;
      const isImage = isImageConfigType(config.mediaType);
      if (isImage && isCompatiblePlatform(platform, this.#parts.documents.config(config.digest))) return target;
      throw missing;
    }
    const chosen = choosePlatform(
      document.index.manifests.filter((entry) => this.#isWhole(entry.digest)),
      platform,
    );
    if (chosen === undefined) throw missing;
    return chosen.digest;
  }

  /** True if all of a manifest that registries have to have is here. */
  #isWhole(digest: Digest): boolean {
    const { content, documents } = this.#parts;
    if (!content.has(digest)) return false;
    const document = documents.manifest(digest);
    if (document.kind === "index") return document.index.manifests.every((entry) => this.#isWhole(entry.digest));
    const { config, layers } = document.manifest;
    return [config, ...layers].every((blob) => isForeignLayer(blob) || content.has(blob.digest));
  }

  #stored(digest: Digest): PlannedManifest {
    const bytes = this.#parts.documents.bytes(digest, MANIFEST_BYTES_MAX);
    const { mediaType } = this.#parts.documents.manifest(digest);
    return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes };
  }

  #add(digest: Digest): void {
    if (this.#manifests.has(digest)) return;
    const document = this.#parts.documents.manifest(digest);
    if (document.kind === "index") for (const entry of document.index.manifests) this.#add(entry.digest);
    else this.#addBlobs(document.manifest);
    this.#manifests.set(digest, this.#stored(digest));
  }

  #addBlobs({ config, layers }: ImageManifest): void {
    const isImage = isImageConfigType(config.mediaType);
    const diffIds = isImage ? this.#parts.documents.config(config.digest).rootfs.diff_ids : [];
    for (const [index, descriptor] of [...layers.entries()].toReversed()) {
      if (this.#blobs.has(descriptor.digest)) continue;
      // Docker names a layer that is pushed by what it unpacks to.
      const id = (diffIds[index] ?? descriptor.digest).replace(/^.*:/, "").slice(0, 12);
      this.#blobs.set(descriptor.digest, { descriptor, id, isForeign: isForeignLayer(descriptor) });
    }
    if (!this.#blobs.has(config.digest)) this.#blobs.set(config.digest, { descriptor: config, isForeign: false });
  }
}

function platformsOf(entries: readonly Descriptor[]): string {
  return entries.map(({ platform, digest }) => (platform === undefined ? digest : formatPlatform(platform))).join(", ");
}
