import type { ContentStore } from "../content/content-store.ts";
import type { Lease } from "../content/lease.ts";
import { cancelledError } from "../distribution/client/http-exchange.ts";
import { openFromSources } from "../distribution/client/open-from-sources.ts";
import type {
  RegistryConnections,
  RegistryLogin,
  RegistrySource,
} from "../distribution/client/registry-connections.ts";
import { formatError, GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, ImageConfig, Platform } from "../oci/image.ts";
import { CONFIG_BYTES_MAX, isImageConfigType, parseImageConfig, parseManifest } from "../oci/manifest.ts";
import { formatPlatform, hostPlatform, isCompatiblePlatform } from "../oci/platform.ts";
import {
  familiarReference,
  familiarRepository,
  formatReference,
  formatRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../oci/reference.ts";
import type { State } from "../state/state.ts";
import type { LayerStore } from "./layer-store.ts";
import type { ProgressEvent } from "./progress-event.ts";
import { LayerProgress } from "./pull/layer-progress.ts";
import type { PullGate } from "./pull/pull-gate.ts";
import {
  type FetchManifest,
  fetchFromRegistry,
  type SelectedManifest,
  selectManifest,
} from "./pull/select-manifest.ts";

export interface PullerParts {
  readonly state: State;
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly registries: RegistryConnections;
  /** Asked for each image before anything of it is downloaded but its manifest. @default all are let in */
  readonly gate?: PullGate;
  /** @default this host's */
  readonly platform?: Platform;
}

export interface PullOptions {
  /**
   * The platform that is wanted, and no other.
   * @default this host's, and what it can run
   */
  readonly platform?: Platform;
  readonly auth?: RegistryLogin;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly signal?: AbortSignal;
}

export interface PulledImage {
  /** The name that was pulled, spelled out. */
  readonly reference: Reference;
  /** What the name points to: an index, or a manifest. */
  readonly target: Descriptor;
  readonly manifestDigest: Digest;
  /** The image's ID. */
  readonly configDigest: Digest;
  readonly status: "downloaded" | "up-to-date";
}

/** Pulls images from registries into the store. */
export class Puller {
  readonly #parts: PullerParts;
  readonly #platform: Platform;

  constructor(parts: PullerParts) {
    this.#parts = parts;
    this.#platform = parts.platform ?? hostPlatform();
  }

  /**
   * Pulls an image by tag or digest: index, manifest and config kept as they came, layers verified and unpacked. The name
   * is set, durably and with its event, only when all of it is there. On failure no name changes; whole layers may stay
   * until the next collection, for the next try.
   *
   * @param name as people write it; what has both tag and digest is pulled by digest, as Docker does.
   * @throws `not-found`, `permission-denied`, `unavailable`, `data-loss`, `cancelled`, in Docker's words where it has some.
   */
  async pull(name: string, options: PullOptions = {}): Promise<PulledImage> {
    try {
      return await this.#pull(name, options);
    } catch (error) {
      if (options.signal?.aborted) throw cancelledError(`pull of ${name}`, options.signal);
      throw error;
    }
  }

  async #pull(name: string, options: PullOptions): Promise<PulledImage> {
    const { registries } = this.#parts;
    const parsed = withDefaultTag(parseReference(name, { defaultRegistry: registries.defaultRegistry }));
    const { tag: _tag, ...withoutTag } = parsed;
    const reference: Reference = parsed.digest === undefined ? parsed : withoutTag;
    options.onProgress?.({
      id: reference.digest ?? reference.tag ?? "",
      status: `Pulling from ${reference.repository}`,
    });
    const sources = await registries.sources(reference, options.auth);
    for (let first = 0; ; first++) {
      try {
        return await this.#pullFrom(sources.slice(first), reference, options);
      } catch (error) {
        if (options.signal?.aborted || first >= sources.length - 1) throw error;
        options.onProgress?.({ status: `Going on without a mirror: ${formatError(error)}` });
      }
    }
  }

  async #pullFrom(
    sources: readonly RegistrySource[],
    reference: Reference,
    options: PullOptions,
  ): Promise<PulledImage> {
    const { content } = this.#parts;
    const [source] = sources;
    if (source === undefined) throw new GantryError("internal", `no place to pull ${reference.repository} from`);
    const { signal } = options;
    using lease = content.graph.lease();
    const root = await source.client.resolve(source.reference, { signal });
    const fetchManifest = this.#fetchStored(fetchFromRegistry(source.client, source.reference, signal));
    const selected = await selectManifest(root, options.platform ?? this.#platform, fetchManifest);
    const documents = [...selected.indexes, selected].map(({ descriptor }) => descriptor);
    const { client, reference: from } = source;
    const warnings = await this.#parts.gate?.admit({ reference, documents, client, from, signal });
    for (const warning of warnings ?? []) options.onProgress?.({ status: `Warning: ${warning}` });
    const imageConfig = await this.#config(sources, selected.manifest.config, { reference, lease, signal });
    this.#checkPlatform(reference, imageConfig, options.platform);
    const wasComplete = this.#isComplete(reference, root.descriptor.digest, selected);
    const progress = new LayerProgress((event) => options.onProgress?.(event));
    let isNew = !wasComplete;
    await this.#parts.layers.install(selected.manifest, imageConfig, {
      lease,
      open: (layer, { signal: layerSignal }) =>
        openFromSources(sources, layer, {
          signal: layerSignal,
          onRetry: (delayMs) => progress.retry(layer, delayMs),
        }),
      onEvent: (event) => {
        if (event.stage !== "exists") isNew = true;
        progress.take(event);
      },
      ...(signal === undefined ? {} : { signal }),
    });
    await this.#record(reference, root.descriptor, selected, imageConfig, lease);
    const status = isNew ? "downloaded" : "up-to-date";
    return {
      reference,
      target: root.descriptor,
      manifestDigest: selected.descriptor.digest,
      configDigest: selected.manifest.config.digest,
      status,
    };
  }

  /** Takes manifests that are stored from there: what is addressed by digest does not change. */
  #fetchStored(fetchManifest: FetchManifest): FetchManifest {
    const { content } = this.#parts;
    return async (entry) => {
      if (content.stat(entry.digest)?.sizeBytes !== entry.size) return await fetchManifest(entry);
      const bytes = await content.read(entry.digest, { maxBytes: entry.size });
      const document = parseManifest(bytes, "");
      return { descriptor: { mediaType: document.mediaType, digest: entry.digest, size: entry.size }, bytes, document };
    };
  }

  async #config(
    sources: readonly RegistrySource[],
    descriptor: Descriptor,
    { reference, lease, signal }: { reference: Reference; lease: Lease; signal: AbortSignal | undefined },
  ): Promise<ImageConfig> {
    const { content } = this.#parts;
    if (!isImageConfigType(descriptor.mediaType)) {
      throw new GantryError("unsupported", `${familiarReference(reference)} is no image, but ${descriptor.mediaType}`);
    }
    if (descriptor.size > CONFIG_BYTES_MAX) {
      throw new GantryError("data-loss", `invalid image config: it is larger than ${CONFIG_BYTES_MAX} bytes`);
    }
    lease.protect(descriptor.digest);
    if (!content.has(descriptor.digest)) {
      const expected = { digest: descriptor.digest, sizeBytes: descriptor.size };
      await using ingest = await content.ingest({ expected, lease });
      for await (const chunk of openFromSources(sources, descriptor, { signal })) await ingest.write(chunk);
      await ingest.commit();
    }
    return parseImageConfig(await content.read(descriptor.digest, { maxBytes: CONFIG_BYTES_MAX }));
  }

  #checkPlatform(reference: Reference, config: ImageConfig, wanted: Platform | undefined): void {
    if (wanted === undefined || config.os === "" || isCompatiblePlatform(wanted, config)) return;
    const [actual, asked] = [formatPlatform(config), formatPlatform(wanted)];
    throw new GantryError(
      "not-found",
      `image with reference ${familiarReference(reference)} was found but its platform (${actual}) does not match the specified platform (${asked})`,
    );
  }

  #isComplete(reference: Reference, target: Digest, selected: SelectedManifest): boolean {
    const { content } = this.#parts;
    return content.names.get(formatReference(reference))?.digest === target && content.has(selected.descriptor.digest);
  }

  async #record(
    reference: Reference,
    target: Descriptor,
    selected: SelectedManifest,
    config: ImageConfig,
    lease: Lease,
  ): Promise<void> {
    const { content, state } = this.#parts;
    const { manifest, indexes, descriptor, bytes } = selected;
    for (const document of [...indexes, { descriptor, bytes }]) {
      lease.protect(document.descriptor.digest);
      await content.put(document.bytes, { expected: { digest: document.descriptor.digest }, lease });
    }
    state.transaction(() => {
      for (const { descriptor: parent, index } of indexes) {
        content.graph.addReferences(
          parent.digest,
          index.manifests.map((entry) => entry.digest),
        );
      }
      content.graph.addReferences(descriptor.digest, [
        manifest.config.digest,
        ...manifest.layers.map((layer) => layer.digest),
      ]);
      // Both what moves (the tag) and what does not (the digest): Docker shows the latter as the image's RepoDigests.
      content.names.set(`${formatRepository(reference)}@${target.digest}`, target);
      content.names.set(formatReference(reference), target);
      state.events.append({
        type: "image",
        action: "pull",
        actorId: familiarReference(reference),
        attributes: { ...config.config?.Labels, name: familiarRepository(reference) },
        timeNs: BigInt(state.now()) * 1_000_000n,
      });
    });
  }
}
