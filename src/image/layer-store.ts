import type { ContentStore, ReservedFile } from "../content/content-store.ts";
import { checkBlob } from "../content/ingest.ts";
import type { Lease } from "../content/lease.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import type { Descriptor, ImageConfig, ImageManifest } from "../oci/image.ts";
import { Flights } from "../platform/flights.ts";
import { Slots } from "../platform/slots.ts";
import { type ChainId, chainIdsOf } from "./chain-id.ts";
import type { PreparedSnapshot, SnapshotStore } from "./snapshot-store.ts";
import type { AppliedLayer } from "./unpack/applied-layer.ts";
import type { LayerLimits } from "./unpack/layer-limits.ts";
import type { LayerSource, LayerWorkers } from "./unpack/layer-workers.ts";
import type { ReceivedLayer } from "./unpack/worker-protocol.ts";

/** How one layer of an image is getting on. */
export interface LayerEvent {
  readonly layer: Descriptor;
  /** Bottom is 0. */
  readonly index: number;
  readonly stage: "waiting" | "exists" | "downloading" | "downloaded" | "extracting" | "complete";
  readonly currentBytes?: number;
  readonly totalBytes?: number;
}

export interface InstallLayersOptions {
  /**
   * Brings the bytes of a layer that the store does not have, as they are stored (compressed). They are verified here.
   * Left out: a layer that is missing is `not-found`.
   */
  readonly open?: (layer: Descriptor, options: { readonly signal: AbortSignal }) => AsyncIterable<Uint8Array>;
  /** Protects the blobs until the caller has referenced them. */
  readonly lease: Lease;
  readonly onEvent?: (event: LayerEvent) => void;
  /** How many layers are worked on at once. @default 3 */
  readonly concurrency?: number;
  /** @default DEFAULT_LAYER_LIMITS */
  readonly limits?: LayerLimits;
  readonly signal?: AbortSignal;
}

interface LayerPlan {
  readonly layer: Descriptor;
  readonly index: number;
  readonly diffId: Digest;
  readonly chainId: ChainId;
  readonly parent: ChainId | undefined;
}

interface MadeLayer {
  readonly prepared: PreparedSnapshot;
  readonly applied: AppliedLayer;
}

const CONCURRENCY = 3;

function toMade(prepared: PreparedSnapshot | undefined, received: ReceivedLayer): MadeLayer | undefined {
  return prepared === undefined || received.applied === undefined ? undefined : { prepared, applied: received.applied };
}

function planLayers(manifest: ImageManifest, config: ImageConfig): readonly LayerPlan[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new GantryError(
      "data-loss",
      `the image's config names ${diffIds.length} layers, its manifest ${manifest.layers.length}`,
    );
  }
  const chain = chainIdsOf(diffIds);
  return manifest.layers.flatMap((layer, index) => {
    const [diffId, chainId] = [diffIds[index], chain[index]];
    return diffId === undefined || chainId === undefined
      ? []
      : [{ layer, index, diffId, chainId, parent: index === 0 ? undefined : chain[index - 1] }];
  });
}

/** Brings layers into the store and unpacks them. What two images share is brought once, even at the same time. */
export class LayerStore {
  readonly #content: ContentStore;
  readonly #snapshots: SnapshotStore;
  readonly #workers: LayerWorkers;
  readonly #flights = new Flights();

  constructor(parts: {
    readonly content: ContentStore;
    readonly snapshots: SnapshotStore;
    readonly workers: LayerWorkers;
  }) {
    this.#content = parts.content;
    this.#snapshots = parts.snapshots;
    this.#workers = parts.workers;
  }

  /**
   * Makes all layers of an image present and unpacked: several at once, each in one streamed pass over its bytes, verified
   * against the manifest (packed) and the config (unpacked). On failure nothing half-done is left; whole layers are kept
   * until they are collected.
   *
   * @returns the chain ID of the whole, `undefined` for an image without layers.
   */
  async install(
    manifest: ImageManifest,
    config: ImageConfig,
    options: InstallLayersOptions,
  ): Promise<ChainId | undefined> {
    const plans = planLayers(manifest, config);
    for (const { layer } of plans) options.lease.protect(layer.digest);
    using _chains = this.#snapshots.lease(plans.map((plan) => plan.chainId));
    const failure = new AbortController();
    const signal = AbortSignal.any([failure.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const slots = new Slots(options.concurrency ?? CONCURRENCY);
    const done: Promise<void>[] = [];
    for (const plan of plans) {
      const below = done.at(-1) ?? Promise.resolve();
      // Its rejection is this layer's too, and is reported once.
      below.catch(() => undefined);
      done.push(
        this.#installOne(plan, { ...options, signal }, slots, below).catch((cause) => {
          failure.abort(cause);
          throw cause;
        }),
      );
    }
    const outcomes = await Promise.allSettled(done);
    if (failure.signal.aborted) throw failure.signal.reason;
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return plans.at(-1)?.chainId;
  }

  async #installOne(
    plan: LayerPlan,
    options: InstallLayersOptions & { readonly signal: AbortSignal },
    slots: Slots,
    below: Promise<void>,
  ): Promise<void> {
    const { layer, index, chainId } = plan;
    const tell = (stage: LayerEvent["stage"], currentBytes?: number): void =>
      options.onEvent?.({
        layer,
        index,
        stage,
        ...(currentBytes === undefined ? {} : { currentBytes, totalBytes: layer.size }),
      });
    if (this.#content.has(layer.digest) && this.#snapshots.has(chainId)) {
      tell("exists");
      return;
    }
    tell("waiting");
    await this.#flights.run(
      `chain ${chainId}`,
      () => this.#content.has(layer.digest) && this.#snapshots.has(chainId),
      async () => {
        await using resources = new AsyncDisposableStack();
        const made = await this.#make(plan, options, tell, { slots, resources });
        await below;
        if (made !== undefined) await this.#commit(plan, made.prepared, made.applied);
      },
      options.signal,
    );
    await below;
    tell("complete");
  }

  /** Brings and unpacks what is missing of a layer; its snapshot is yet to be committed. */
  async #make(
    plan: LayerPlan,
    options: InstallLayersOptions & { readonly signal: AbortSignal },
    tell: (stage: LayerEvent["stage"], currentBytes?: number) => void,
    scope: { readonly slots: Slots; readonly resources: AsyncDisposableStack },
  ): Promise<MadeLayer | undefined> {
    const { layer, chainId } = plan;
    let made: MadeLayer | undefined;
    // The blob may belong to another chain too, which is being made now: its bytes come once. Nothing but a slot is waited
    // for in here, so that two images with the same blobs in another order cannot wait for each other.
    await this.#flights.run(
      `blob ${layer.digest}`,
      () => this.#content.has(layer.digest),
      async () => {
        const file = scope.resources.use(this.#content.reserve());
        const source = this.#openMissing(layer, options);
        const { received, prepared } = await scope.slots.run(() =>
          this.#receive(plan, source, options, {
            file,
            resources: scope.resources,
            tell: (n) => tell("downloading", n),
          }),
        );
        await this.#content.adopt(file, received, { lease: options.lease });
        tell("downloaded");
        made = toMade(prepared, received);
      },
      options.signal,
    );
    if (made === undefined && !this.#snapshots.has(chainId)) {
      const source = { path: this.#content.path(layer.digest) };
      const { received, prepared } = await scope.slots.run(() =>
        this.#receive(plan, source, options, { resources: scope.resources, tell: (n) => tell("extracting", n) }),
      );
      made = toMade(prepared, received);
    }
    if (made !== undefined) tell("extracting", layer.size);
    return made;
  }

  async #receive(
    plan: LayerPlan,
    source: LayerSource,
    options: InstallLayersOptions & { readonly signal: AbortSignal },
    target: {
      readonly file?: ReservedFile;
      readonly resources: AsyncDisposableStack;
      readonly tell: (bytes: number) => void;
    },
  ): Promise<{ readonly received: ReceivedLayer; readonly prepared: PreparedSnapshot | undefined }> {
    const { layer, chainId, diffId } = plan;
    options.signal.throwIfAborted();
    const prepared = this.#snapshots.has(chainId) ? undefined : target.resources.use(await this.#snapshots.prepare());
    const received = await this.#workers.receive(source, {
      blobAlgorithm: digestAlgorithm(layer.digest),
      blobBytesMax: layer.size,
      ...(target.file === undefined ? {} : { blobPath: target.file.path }),
      ...(prepared === undefined ? {} : { directory: prepared.directory }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      onProgress: target.tell,
      signal: options.signal,
    });
    checkBlob({ digest: layer.digest, sizeBytes: layer.size }, received);
    if (received.applied !== undefined && received.applied.diffId !== diffId) {
      throw new GantryError(
        "data-loss",
        `layer ${layer.digest} unpacks to ${received.applied.diffId}, the image's config says ${diffId}`,
      );
    }
    return { received, prepared };
  }

  #openMissing(layer: Descriptor, options: InstallLayersOptions & { readonly signal: AbortSignal }) {
    if (options.open === undefined) throw new GantryError("not-found", `the store has no layer ${layer.digest}`);
    return options.open(layer, { signal: options.signal });
  }

  async #commit(plan: LayerPlan, prepared: PreparedSnapshot, applied: AppliedLayer): Promise<void> {
    const { chainId, parent, diffId } = plan;
    const { sizeBytes, entries, isOpaque, lowerWork } = applied;
    await this.#workers.finish(prepared.directory, this.#snapshots.lower(parent), lowerWork);
    await prepared.commit({
      chainId,
      ...(parent === undefined ? {} : { parent }),
      diffId,
      sizeBytes,
      entries,
      isOpaque,
    });
  }
}
