import type { ContentStore } from "../content/content-store.ts";
import type { ImageName } from "../content/image-names.ts";
import { eachAtOnce } from "../distribution/client/each-at-once.ts";
import { cancelledError } from "../distribution/client/http-exchange.ts";
import type {
  RegistryConnections,
  RegistryLogin,
  RegistrySource,
} from "../distribution/client/registry-connections.ts";
import { thinnedOut } from "../distribution/client/thinned-out.ts";
import type { BlobContent } from "../distribution/client/upload-blob.ts";
import { GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor, Platform } from "../oci/image.ts";
import {
  familiarReference,
  familiarRepository,
  formatRepository,
  parseReference,
  type Reference,
} from "../oci/reference.ts";
import type { State } from "../state/state.ts";
import { ImageDocuments } from "./image-documents.ts";
import type { ProgressEvent } from "./progress-event.ts";
import { mountSources } from "./push/mount-sources.ts";
import { type PlannedBlob, type PushPlan, planPush } from "./push/plan-push.ts";

export interface PusherParts {
  readonly state: State;
  readonly content: ContentStore;
  readonly registries: RegistryConnections;
  /**
   * What shows a registry that has this very store that a blob is there, so that no bytes are sent: a header's name and value.
   * @default no registry is known to have it
   */
  readonly storeProof?: (target: Reference, digest: Digest) => readonly [string, string] | undefined;
}

export interface PushOptions {
  /** The tag. @default all tags of the repository */
  readonly tag?: string;
  /** This platform alone, as an image of its own. @default all that are here */
  readonly platform?: Platform;
  readonly auth?: RegistryLogin;
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Called for each tag, when it is there. */
  readonly onPushed?: (pushed: PushedTag) => void;
  readonly signal?: AbortSignal;
}

export interface PushedTag {
  readonly tag: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** As many as Docker has (`max-concurrent-uploads`). */
const UPLOADS_AT_ONCE = 5;

/** Pushes images of the store to registries. */
export class Pusher {
  readonly #parts: PusherParts;
  readonly #documents: ImageDocuments;

  constructor(parts: PusherParts) {
    this.#parts = parts;
    this.#documents = new ImageDocuments(parts.content);
  }

  /**
   * Pushes a tag of a repository, or all of them: blobs as they are stored, so that digests stay; manifests after all that they refer
   * to; the tag last. What the registry has is not sent again; what another of its repositories has is mounted. Afterwards the
   * image has the digest of that repository among its names.
   *
   * @param name the repository, or a name with its tag.
   * @throws `not-found` in Docker's words, `permission-denied`, `unavailable`, `data-loss`, `cancelled`.
   */
  async push(name: string, options: PushOptions = {}): Promise<void> {
    const { registries } = this.#parts;
    const reference = parseReference(name, { defaultRegistry: registries.defaultRegistry });
    if (reference.digest !== undefined) {
      throw new GantryError("invalid-argument", "cannot push a digest reference", { hint: "name a tag" });
    }
    const { tag: ownTag, ...repository } = reference;
    options.onProgress?.({ status: `The push refers to repository [${formatRepository(reference)}]` });
    const target = await registries.target(reference, options.auth);
    try {
      for (const [tag, named] of this.#tagged(repository, options.tag ?? ownTag)) {
        await this.#pushTag({ ...repository, tag }, named, { ...options, target });
      }
    } catch (error) {
      if (options.signal?.aborted) throw cancelledError(`push of ${name}`, options.signal);
      throw error;
    }
  }

  #tagged(repository: Reference, wanted: string | undefined): readonly (readonly [string, ImageName])[] {
    const { names } = this.#parts.content;
    const prefix = `${formatRepository(repository)}:`;
    const tagged = names.list().flatMap((named) => {
      const tag = named.name.startsWith(prefix) ? named.name.slice(prefix.length) : "@";
      return tag.includes("@") ? [] : [[tag, named] as const];
    });
    if (tagged.length === 0) {
      const message = `An image does not exist locally with the tag: ${familiarRepository(repository)}`;
      throw new GantryError("not-found", message);
    }
    const found = wanted === undefined ? tagged : tagged.filter(([tag]) => tag === wanted);
    if (found.length > 0) return found;
    throw new GantryError("not-found", `tag does not exist: ${familiarRepository(repository)}:${wanted}`);
  }

  async #pushTag(
    reference: Reference & { readonly tag: string },
    named: ImageName,
    options: PushOptions & { readonly target: RegistrySource },
  ): Promise<void> {
    const { content } = this.#parts;
    const { target, signal } = options;
    const { client } = target;
    const { repository } = target.reference;
    using lease = content.graph.lease();
    lease.protect(named.digest);
    const there: Reference = { registry: target.reference.registry, repository };
    const plan = await planPush(
      named.digest,
      {
        content,
        documents: this.#documents,
        isThere: async (digest) => (await client.describe({ ...there, digest }, { signal })) !== undefined,
      },
      { name: familiarReference(reference), platform: options.platform },
    );
    if (plan.note !== undefined) options.onProgress?.({ status: plan.note });
    await this.#pushBlobs(plan, reference, options);
    const root = plan.manifests[plan.manifests.length - 1] ?? plan.manifests[0];
    for (const { descriptor, bytes } of plan.manifests) {
      const name = descriptor === root.descriptor ? { tag: reference.tag } : { digest: descriptor.digest };
      await client.putManifest({ ...there, ...name }, { bytes, mediaType: descriptor.mediaType, signal });
    }
    if (!content.has(root.descriptor.digest)) {
      // A part of an index is an index of its own.
      await content.put(root.bytes, { expected: { digest: root.descriptor.digest }, lease });
      const children = plan.manifests.slice(0, -1).map(({ descriptor }) => descriptor.digest);
      content.graph.addReferences(root.descriptor.digest, children);
    }
    this.#record(reference, root.descriptor);
    options.onPushed?.({ tag: reference.tag, digest: root.descriptor.digest, sizeBytes: root.descriptor.size });
  }

  async #pushBlobs(
    plan: PushPlan,
    reference: Reference,
    { target, onProgress, signal }: PushOptions & { readonly target: RegistrySource },
  ): Promise<void> {
    const { content, registries } = this.#parts;
    const report = (event: ProgressEvent): void => {
      if (event.id !== undefined) onProgress?.(event);
    };
    for (const { id } of plan.blobs) if (id !== undefined) report({ id, status: "Preparing" });
    for (const { id } of plan.blobs.filter((blob) => blob.id !== undefined).slice(UPLOADS_AT_ONCE)) {
      if (id !== undefined) report({ id, status: "Waiting" });
    }
    const sources = mountSources(content, target.reference, (name) => registries.locate(name));
    await eachAtOnce(plan.blobs, { limit: UPLOADS_AT_ONCE, signal }, async (blob, ownSignal) => {
      const status = await this.#pushBlob(blob, {
        target,
        mountFrom: sources(blob.descriptor.digest),
        report: (event) => report({ ...event, ...(blob.id === undefined ? {} : { id: blob.id }) }),
        signal: ownSignal,
      }).catch((cause: unknown) => {
        throw cause instanceof GantryError && cause.code === "not-found"
          ? new GantryError("not-found", `cannot push ${familiarReference(reference)}`, { cause })
          : cause;
      });
      report({ status, ...(blob.id === undefined ? {} : { id: blob.id }) });
    });
  }

  /** @returns how it came to be there, in Docker's words. */
  async #pushBlob(
    { descriptor, isForeign }: PlannedBlob,
    options: {
      readonly target: RegistrySource;
      readonly mountFrom: readonly string[];
      readonly report: (event: ProgressEvent) => void;
      readonly signal: AbortSignal;
    },
  ): Promise<string> {
    if (isForeign) return "Skipped foreign layer";
    const { target, mountFrom, report, signal } = options;
    const pushed = await target.client.pushBlob(target.reference.repository, this.#contentOf(descriptor), {
      mountFrom,
      storeProof: this.#parts.storeProof?.(target.reference, descriptor.digest),
      signal,
      onProgress: thinnedOut(descriptor.size, (currentBytes) =>
        report({ status: "Pushing", progress: { currentBytes, totalBytes: descriptor.size } }),
      ),
      onRetry: (delayMs) => {
        const seconds = Math.ceil(delayMs / 1000);
        report({ status: `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}` });
      },
    });
    switch (pushed.status) {
      case "exists":
        return "Layer already exists";
      case "mounted":
        return `Mounted from ${pushed.from}`;
      case "linked":
      case "uploaded":
        return "Pushed";
    }
  }

  /** A stored blob from an offset on: read from its start all the same, since it is verified on the way. */
  #contentOf(descriptor: Descriptor): BlobContent {
    const { content } = this.#parts;
    return {
      descriptor,
      async *open(offset) {
        let skip = offset;
        for await (const chunk of content.open(descriptor.digest)) {
          if (skip >= chunk.byteLength) skip -= chunk.byteLength;
          else {
            yield skip === 0 ? chunk : chunk.subarray(skip);
            skip = 0;
          }
        }
      },
    };
  }

  #record(reference: Reference, target: Descriptor): void {
    const { content, state } = this.#parts;
    state.transaction(() => {
      content.names.set(`${formatRepository(reference)}@${target.digest}`, target);
      state.events.append({
        type: "image",
        action: "push",
        actorId: familiarReference(reference),
        attributes: { name: familiarRepository(reference) },
        timeNs: BigInt(state.now()) * 1_000_000n,
      });
    });
  }
}
