import { mkdir } from "node:fs/promises";
import type { ContentStore } from "../content/content-store.ts";
import { untaggedName } from "../content/image-names.ts";
import type { Lease } from "../content/lease.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, ImageConfig, Platform } from "../oci/image.ts";
import { familiarReference, formatReference, parseReference } from "../oci/reference.ts";
import type { State } from "../state/state.ts";
import { type ChainId, chainIdsOf } from "./chain-id.ts";
import type { HostPacker, PackFromHostOptions } from "./from-host.ts";
import type { Image } from "./image.ts";
import { ImageCatalog } from "./image-catalog.ts";
import { ImageDocuments } from "./image-documents.ts";
import { historyOf, type ImageHistoryRow, type ImageInspect, inspectImage } from "./inspect-image.ts";
import type { LayerStore } from "./layer-store.ts";
import { type ImageFilters, type ImageSummary, listImages } from "./list-images.ts";
import { type LoadedTarget, loadMembers, namesToSet } from "./load-archive.ts";
import { type ImageUser, planRemoval } from "./plan-removal.ts";
import type { ProgressEvent } from "./progress-event.ts";
import type { PulledImage, Puller, PullOptions } from "./pull.ts";
import type { Pusher, PushOptions } from "./push.ts";
import { type SavedImage, saveArchive } from "./save-archive.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { LayerWorkers } from "./unpack/layer-workers.ts";

export interface ImagesParts {
  readonly state: State;
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
  readonly layers: LayerStore;
  readonly workers: LayerWorkers;
  readonly puller: Puller;
  readonly pusher: Pusher;
  readonly hostPacker: HostPacker;
  /** @default this host's */
  readonly platform?: Platform;
  /** The registry of names that say none. @default docker.io */
  readonly defaultRegistry?: () => string;
}

export interface RemoveImageOptions {
  readonly force?: boolean;
  /** Keep the layers and blobs until the next removal or collection. */
  readonly noPrune?: boolean;
  /** The containers made from an image. */
  readonly inUse?: (imageId: Digest) => readonly ImageUser[];
}

export type RemovedImage = { readonly untagged: string } | { readonly deleted: string };

export interface LoadImagesOptions {
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Unpack this platform of an index. @default this host's */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

/** Images by name: everything that commands do with them. */
export class Images {
  readonly #parts: ImagesParts;
  readonly #documents: ImageDocuments;
  readonly #catalog: ImageCatalog;

  constructor(parts: ImagesParts) {
    this.#parts = parts;
    this.#documents = new ImageDocuments(parts.content);
    this.#catalog = new ImageCatalog({ ...parts, documents: this.#documents });
  }

  /** By reference, `name@digest`, full or short id, as Docker resolves. @throws `not-found`: `No such image: NAME`. */
  resolve(name: string, options: { readonly platform?: Platform } = {}): Image {
    return this.#catalog.resolve(name, options);
  }

  /** Newest first. */
  list(filters: ImageFilters = {}): readonly ImageSummary[] {
    return listImages(this.#catalog.list(), filters, (name) => this.resolve(name));
  }

  inspect(name: string, options: { readonly platform?: Platform } = {}): ImageInspect {
    const image = this.resolve(name, options);
    const named = image.targets.flatMap((target) => this.#parts.content.names.of(target.digest));
    return inspectImage(image, this.#parts.snapshots, Math.max(0, ...named.map((known) => known.updatedMs)));
  }

  history(name: string): readonly ImageHistoryRow[] {
    return historyOf(this.resolve(name), this.#parts.snapshots);
  }

  /** Gives an image one more name; an image that had it before keeps none. Idempotent. */
  tag(source: string, target: string): void {
    const image = this.resolve(source);
    const reference = this.#catalog.parse(target);
    if (reference.digest !== undefined) {
      throw new GantryError("invalid-argument", "refusing to create a tag with a digest reference");
    }
    const pointed = this.#catalog.target(source) ?? image.targets[0];
    if (pointed === undefined) throw new GantryError("not-found", `No such image: ${source}`);
    this.#parts.state.transaction(() => {
      this.#parts.content.names.set(formatReference(reference), pointed);
      this.#record("tag", image, familiarReference(reference));
    });
  }

  /** Takes names away, and with the last one the image, by Docker's rules. @throws `conflict` in Docker's words. */
  async remove(name: string, options: RemoveImageOptions = {}): Promise<readonly RemovedImage[]> {
    const { content, state } = this.#parts;
    const image = this.resolve(name);
    const names = image.targets.flatMap((target) => content.names.of(target.digest)).map((known) => known.name);
    const plan = planRemoval({
      image,
      reference: this.#catalog.target(name)?.name,
      names,
      users: options.inUse?.(image.id) ?? [],
      force: options.force ?? false,
    });
    const removed: RemovedImage[] = [];
    state.transaction(() => {
      for (const untag of plan.untag) {
        content.names.delete(untag);
        if (untag.startsWith("<none>@")) continue;
        removed.push({ untagged: familiarReference(parseReference(untag)) });
        this.#record("untag", image, image.id);
      }
      const left = image.targets.some((target) => content.names.of(target.digest).length > 0);
      if (plan.deletesImage && !left) {
        removed.push({ deleted: image.id });
        this.#record("delete", image, image.id);
      } else if (!left) {
        // A container still needs it: it stays without a name.
        for (const target of image.targets) content.names.set(untaggedName(target.digest), target);
      }
    });
    if (options.noPrune === true) return removed;
    const { chains } = await this.collect();
    const order = chains
      .toSorted((left, right) => Number(left === image.chainId) - Number(right === image.chainId))
      .reverse();
    return [...removed, ...order.map((deleted) => ({ deleted }))];
  }

  /** Removes blobs and unpacked layers that nothing refers to. Safe while everything runs. */
  async collect(): Promise<{ readonly chains: readonly ChainId[]; readonly freedBytes: number }> {
    const { content, snapshots } = this.#parts;
    const { freedBytes } = await content.collect();
    const live: ChainId[] = [];
    for (const digest of content.reachability.live()) {
      const config = this.#configOf(digest);
      if (config !== undefined) live.push(...this.#chainOf(config));
    }
    return { chains: await snapshots.sweep(live), freedBytes };
  }

  /** The config, if the digest is that of a stored manifest. */
  #configOf(digest: Digest): ImageConfig | undefined {
    const isParent = this.#parts.content.graph.references(digest).length > 0;
    if (!isParent || !this.#parts.content.has(digest)) return undefined;
    try {
      const document = this.#documents.manifest(digest);
      return document.kind === "manifest" ? this.#documents.config(document.manifest.config.digest) : undefined;
    } catch (error) {
      if (error instanceof GantryError) return undefined;
      throw error;
    }
  }

  #chainOf(config: ImageConfig): readonly ChainId[] {
    const top = chainIdsOf(config.rootfs.diff_ids).at(-1);
    return top === undefined ? [] : [top];
  }

  /** Keeps an image and its layers for an owner (`container:ID`), named or not, until `release`. Idempotent, durable. */
  hold(owner: string, image: Pick<Image, "manifestDigest">): void {
    this.#parts.content.graph.hold(owner, image.manifestDigest);
  }

  release(owner: string): void {
    this.#parts.content.graph.release(owner);
  }

  /**
   * Stores the images of an archive (OCI, Docker's, or both; its members and itself gzip, zstd or plain), unpacks and verifies
   * them, and then gives them their names. On failure no name changes.
   *
   * @returns what was loaded: names as Docker shows them, or ids.
   */
  async load(stream: AsyncIterable<Uint8Array>, options: LoadImagesOptions = {}): Promise<readonly string[]> {
    const { content, workers, state } = this.#parts;
    using lease = content.graph.lease();
    const { path: directory } = content.reserve();
    await mkdir(directory, { mode: 0o700 });
    try {
      const signal = options.signal === undefined ? {} : { signal: options.signal };
      const { members } = await workers.split(stream, directory, signal);
      const loaded = await loadMembers(members, { content, lease });
      for (const { target } of loaded) lease.protect(target.digest);
      for (const { target } of loaded) await this.#unpack(target, lease, options);
      const shown: string[] = [];
      state.transaction(() => {
        for (const entry of loaded) shown.push(...this.#name(entry));
      });
      return shown;
    } finally {
      await workers.remove(directory);
    }
  }

  #name(entry: LoadedTarget): readonly string[] {
    for (const name of namesToSet(entry)) this.#parts.content.names.set(name, entry.target);
    const image = this.#catalog
      .list()
      .find((known) => known.targets.some(({ digest }) => digest === entry.target.digest));
    if (image !== undefined) this.#record("load", image, image.id);
    if (entry.names.length > 0) return entry.names.map((name) => familiarReference(parseReference(name)));
    return [image?.id ?? entry.target.digest];
  }

  async #unpack(target: Descriptor, lease: Lease, options: LoadImagesOptions): Promise<void> {
    const image = this.#catalog.read(target, options.platform);
    if (image === undefined) return;
    await this.#parts.layers.install(image.manifest, image.config, {
      lease,
      onEvent: (event) => {
        if (event.stage !== "extracting" || event.currentBytes === undefined) return;
        options.onProgress?.({
          id: event.layer.digest.slice(7, 19),
          status: "Loading layer",
          progress: { currentBytes: event.currentBytes, totalBytes: event.layer.size },
        });
      },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  /** One archive, both an OCI image layout and what `docker save` writes; the stored blobs, bit for bit. */
  save(names: readonly string[], options: { readonly platform?: Platform } = {}): AsyncIterable<Uint8Array> {
    if (names.length === 0) throw new GantryError("invalid-argument", "save needs at least one image");
    const byTarget = new Map<Digest, SavedImage>();
    for (const name of names) {
      const image = this.resolve(name, options);
      const pointed = this.#catalog.target(name);
      const digest = options.platform === undefined ? (pointed?.digest ?? image.manifestDigest) : image.manifestDigest;
      const size = this.#parts.content.stat(digest)?.sizeBytes ?? 0;
      const mediaType = this.#documents.manifest(digest).mediaType;
      const reference = pointed === undefined ? undefined : this.#catalog.parse(name);
      const isTag = reference !== undefined && reference.digest === undefined;
      const added = isTag ? [{ full: formatReference(reference), familiar: familiarReference(reference) }] : [];
      const known = byTarget.get(digest);
      byTarget.set(digest, { image, target: { mediaType, digest, size }, names: [...(known?.names ?? []), ...added] });
    }
    return saveArchive([...byTarget.values()], { content: this.#parts.content, documents: this.#documents });
  }

  /** As `Puller.pull`. */
  pull(name: string, options: PullOptions = {}): Promise<PulledImage> {
    return this.#parts.puller.pull(name, options);
  }

  /** As `Pusher.push`. */
  push(name: string, options: PushOptions = {}): Promise<void> {
    return this.#parts.pusher.push(name, options);
  }

  /** Packs programs of this host, with all that they load, into an image. */
  async fromHost(options: PackFromHostOptions): Promise<Image> {
    const { manifestDigest } = await this.#parts.hostPacker.pack(options);
    return this.resolve(manifestDigest);
  }

  /** Unpacks what is not yet unpacked and gives the overlay lowerdirs, topmost first. Hold the image before. */
  async ensureSnapshot(
    image: Pick<Image, "manifestDigest" | "config">,
  ): Promise<{ readonly chainId: string; readonly lower: readonly string[] }> {
    const document = this.#documents.manifest(image.manifestDigest);
    if (document.kind !== "manifest") throw new GantryError("internal", `${image.manifestDigest} is no manifest`);
    using lease = this.#parts.content.graph.lease();
    const chainId = await this.#parts.layers.install(document.manifest, image.config, { lease });
    return { chainId: chainId ?? "", lower: this.#parts.snapshots.lower(chainId) };
  }

  #record(action: string, image: Image, actorId: string): void {
    const { state } = this.#parts;
    const [name] = image.names;
    state.events.append({
      type: "image",
      action,
      actorId: action === "tag" ? image.id : actorId,
      attributes: {
        ...image.config.config?.Labels,
        name: action === "tag" ? actorId : (name ?? image.id),
      },
      timeNs: BigInt(state.now()) * 1_000_000n,
    });
  }
}
