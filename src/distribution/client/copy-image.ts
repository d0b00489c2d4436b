import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { type Digest, digestHex } from "../../oci/digest.ts";
import { isForeignLayer } from "../../oci/foreign-layer.ts";
import type { Descriptor, Platform } from "../../oci/image.ts";
import { choosePlatform, formatPlatform } from "../../oci/platform.ts";
import { familiarReference, type Reference } from "../../oci/reference.ts";
import { eachAtOnce } from "./each-at-once.ts";
import { openFromSources } from "./open-from-sources.ts";
import type { ResolvedManifest } from "./registry-client.ts";
import type { RegistrySource } from "./registry-connections.ts";
import { thinnedOut } from "./thinned-out.ts";

export interface CopyProgress {
  /** The first 12 digits of a blob's digest. */
  readonly id?: string;
  /** `Copying`, `Copied`, `Already exists`, `Mounted from REPOSITORY` … */
  readonly status: string;
  readonly progress?: { readonly currentBytes: number; readonly totalBytes: number };
}

export interface CopyImageOptions {
  /** Of an index, this platform alone. @default all */
  readonly platform?: Platform | undefined;
  /** Signatures and whatever else refers to what is copied, too. @default false */
  readonly withReferrers?: boolean;
  readonly onProgress?: (event: CopyProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface CopiedImage {
  readonly target: Descriptor;
  /** How many manifests that refer to it were copied, too. */
  readonly referrers: number;
}

const AT_ONCE = 5;
const INDEX_DEPTH_MAX = 4;
const MANIFESTS_MAX = 1000;
/** Tags by which cosign keeps what belongs to a digest, in registries of before the referrers API. */
const COSIGN_SUFFIXES = ["sig", "att", "sbom"] as const;

/**
 * Copies an image from one registry to another, byte for byte: no content touches a disk here, and of each blob only a few pieces are in
 * memory. What is there already is not sent, and within one registry blobs are mounted. The target's name is set last.
 *
 * @param sources where to read, the first choice first.
 * @throws `not-found`, `permission-denied`, `unavailable`, `data-loss`, `cancelled`.
 */
export async function copyImage(
  sources: readonly RegistrySource[],
  target: RegistrySource,
  options: CopyImageOptions = {},
): Promise<CopiedImage> {
  return await new ImageCopy(sources, target, options).run();
}

class ImageCopy {
  readonly #sources: readonly RegistrySource[];
  readonly #target: RegistrySource;
  readonly #options: CopyImageOptions;
  /** In the order in which they have to be put: what is inside before what it is in. */
  readonly #manifests = new Map<Digest, ResolvedManifest>();

  constructor(sources: readonly RegistrySource[], target: RegistrySource, options: CopyImageOptions) {
    this.#sources = sources;
    this.#target = target;
    this.#options = options;
  }

  async run(): Promise<CopiedImage> {
    const root = await this.#root();
    await this.#gather(root, 0);
    const subjects = [...this.#manifests.keys()];
    const tagged = this.#options.withReferrers === true ? await this.#gatherReferrers(subjects) : [];
    const referrers = [...this.#manifests.keys()].filter((digest) => !subjects.includes(digest));
    await this.#copyBlobs();
    for (const manifest of this.#manifests.values()) {
      if (manifest.descriptor.digest !== root.descriptor.digest) {
        await this.#put({ digest: manifest.descriptor.digest }, manifest);
      }
    }
    for (const [tag, manifest] of tagged) await this.#put({ tag }, manifest);
    const { tag, digest } = this.#target.reference;
    await this.#put(tag === undefined ? { digest: digest ?? root.descriptor.digest } : { tag }, root);
    return { target: root.descriptor, referrers: referrers.length };
  }

  /** What the source's name stands for, or its manifest for the wanted platform. */
  async #root(): Promise<ResolvedManifest> {
    const [source] = this.#sources;
    const root = await this.#read(source?.reference ?? this.#target.reference);
    const { platform } = this.#options;
    if (platform === undefined || root.document.kind === "manifest") return root;
    const entry = choosePlatform(root.document.index.manifests, platform);
    if (entry !== undefined) return await this.#readEntry(entry);
    throw new GantryError(
      "not-found",
      `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
    );
  }

  /** From the first source that has it. */
  async #read(name: Pick<Reference, "tag" | "digest">): Promise<ResolvedManifest> {
    const { tag, digest } = name;
    for (const [index, { client, reference }] of this.#sources.entries()) {
      const { registry, repository } = reference;
      const wanted: Reference = { registry, repository, ...(digest === undefined ? { tag } : { digest }) } as Reference;
      try {
        return await client.resolve(wanted, { signal: this.#options.signal });
      } catch (error) {
        if (index === this.#sources.length - 1 || isGantryError(error, "cancelled")) throw error;
      }
    }
    throw new GantryError("internal", "there is no registry to copy from");
  }

  async #readEntry(entry: Descriptor): Promise<ResolvedManifest> {
    const manifest = await this.#read({ digest: entry.digest });
    if (manifest.descriptor.size === entry.size) return manifest;
    throw new GantryError(
      "data-loss",
      `manifest ${entry.digest} has ${manifest.descriptor.size} bytes instead of ${entry.size}`,
    );
  }

  async #gather(manifest: ResolvedManifest, depth: number): Promise<void> {
    if (this.#manifests.has(manifest.descriptor.digest)) return;
    if (depth > INDEX_DEPTH_MAX)
      throw new GantryError("data-loss", `indexes are nested deeper than ${INDEX_DEPTH_MAX}`);
    if (manifest.document.kind === "index") {
      for (const entry of manifest.document.index.manifests) {
        if (!this.#manifests.has(entry.digest)) await this.#gather(await this.#readEntry(entry), depth + 1);
      }
    }
    if (this.#manifests.size >= MANIFESTS_MAX) {
      throw new GantryError("exhausted", `cannot copy more than ${MANIFESTS_MAX} manifests at once`);
    }
    this.#manifests.set(manifest.descriptor.digest, manifest);
  }

  /** What refers to these manifests, and to that again. @returns what is kept under tags of cosign's. */
  async #gatherReferrers(subjects: readonly Digest[]): Promise<readonly (readonly [string, ResolvedManifest])[]> {
    const source = this.#sources.at(-1);
    if (source === undefined) return [];
    const { client, reference } = source;
    const tagged: (readonly [string, ResolvedManifest])[] = [];
    const waiting = [...subjects];
    for (let subject = waiting.shift(); subject !== undefined; subject = waiting.shift()) {
      const listed = await client.referrers(reference.repository, subject, { signal: this.#options.signal });
      for (const entry of listed) {
        if (this.#manifests.has(entry.digest)) continue;
        await this.#gather(await this.#readEntry(entry), 0);
        waiting.push(entry.digest);
      }
      for (const suffix of COSIGN_SUFFIXES) {
        const tag = `sha256-${digestHex(subject)}.${suffix}`;
        const manifest = await this.#find(tag);
        if (manifest === undefined) continue;
        await this.#gather(manifest, 0);
        tagged.push([tag, manifest]);
      }
    }
    return tagged;
  }

  async #find(tag: string): Promise<ResolvedManifest | undefined> {
    try {
      return await this.#read({ tag });
    } catch (error) {
      if (isGantryError(error, "not-found")) return undefined;
      throw error;
    }
  }

  async #copyBlobs(): Promise<void> {
    const blobs = new Map<Digest, Descriptor>();
    for (const { descriptor, document } of this.#manifests.values()) {
      if (document.kind === "index" || (await this.#isThere(descriptor.digest))) continue;
      for (const blob of [...document.manifest.layers, document.manifest.config]) {
        if (isForeignLayer(blob)) this.#report(blob, { status: "Skipped foreign layer" });
        else blobs.set(blob.digest, blob);
      }
    }
    const { signal } = this.#options;
    await eachAtOnce([...blobs.values()], { limit: AT_ONCE, signal }, (blob, ownSignal) =>
      this.#copyBlob(blob, ownSignal),
    );
  }

  /** A registry that has a manifest has all of its blobs. */
  async #isThere(digest: Digest): Promise<boolean> {
    const { client, reference } = this.#target;
    const { registry, repository } = reference;
    try {
      return (await client.describe({ registry, repository, digest }, { signal: this.#options.signal })) !== undefined;
    } catch (error) {
      // Whoever may push there need not be allowed to pull; who may not is told so when it is tried.
      if (isGantryError(error, "not-found")) return false;
      throw error;
    }
  }

  async #copyBlob(blob: Descriptor, signal: AbortSignal): Promise<void> {
    const { client, reference } = this.#target;
    const neighbours = this.#sources.flatMap((source) =>
      source.reference.registry === reference.registry ? [source.reference.repository] : [],
    );
    const sources = this.#sources;
    const content = {
      descriptor: blob,
      open: (offset: number) => openFromSources(sources, blob, { signal, offset }),
    };
    const copied = await client.pushBlob(reference.repository, content, {
      mountFrom: neighbours.filter((repository) => repository !== reference.repository),
      signal,
      onProgress: thinnedOut(blob.size, (currentBytes) =>
        this.#report(blob, { status: "Copying", progress: { currentBytes, totalBytes: blob.size } }),
      ),
      onRetry: (delayMs) => this.#report(blob, { status: `Retrying in ${Math.ceil(delayMs / 1000)} s` }),
    });
    const statuses = { uploaded: "Copied", linked: "Copied", exists: "Already exists", mounted: "" } as const;
    const status = copied.status === "mounted" ? `Mounted from ${copied.from}` : statuses[copied.status];
    this.#report(blob, { status });
  }

  #report(blob: Descriptor, event: Omit<CopyProgress, "id">): void {
    this.#options.onProgress?.({ id: digestHex(blob.digest).slice(0, 12), ...event });
  }

  async #put(name: Pick<Reference, "tag" | "digest">, manifest: ResolvedManifest): Promise<void> {
    const { client, reference } = this.#target;
    const { registry, repository } = reference;
    const named: Reference = { registry, repository, ...name };
    if (named.digest !== undefined && named.digest !== manifest.descriptor.digest) {
      throw new GantryError(
        "invalid-argument",
        `cannot copy to ${familiarReference(named)}: what is copied has the digest ${manifest.descriptor.digest}`,
      );
    }
    const { bytes, descriptor } = manifest;
    await client.putManifest(named, { bytes, mediaType: descriptor.mediaType, signal: this.#options.signal });
  }
}
