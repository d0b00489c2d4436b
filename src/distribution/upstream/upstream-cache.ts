import type { ContentStore } from "../../content/content-store.ts";
import { formatError, GantryError, isGantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { Reference } from "../../oci/reference.ts";
import { Flights } from "../../platform/flights.ts";
import { openFromSources } from "../client/open-from-sources.ts";
import type { RegistryConnections, RegistrySource } from "../client/registry-connections.ts";
import type { Repositories } from "../repositories/repositories.ts";
import { isTag, type RepositoryName, type Tag } from "../repositories/repository-name.ts";
import { BlobDownload } from "./blob-download.ts";
import { findDescriptor } from "./find-descriptor.ts";
import { readUpstreamLogin } from "./upstream-login.ts";
import { findUpstream, nameOfNamespace, type UpstreamRepository, type UpstreamRule } from "./upstream-rule.ts";

export interface UpstreamCacheParts {
  readonly rules: readonly UpstreamRule[];
  readonly repositories: Repositories;
  readonly content: ContentStore;
  readonly registries: Pick<RegistryConnections, "sources">;
  readonly now: () => number;
  /** True if everybody may read what the repository holds. */
  readonly isPublic: (repository: RepositoryName) => boolean;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

type Named = { readonly tag: Tag } | { readonly digest: Digest };

/** How many answers are remembered that save asking again. */
const REMEMBERED_MAX = 20_000;
const TAGS_MAX = 100_000;
/** How many repositories that hold a blob are looked at. */
const HOLDERS_MAX = 100;
/** Whoever waits could have what is here: the other registry is asked once, and not waited for long. */
const IMPATIENT = { retryDelaysMs: [] as readonly number[], responseTimeoutMs: 5000 };
/** How soon what was not there, or could not be asked for, is asked for again. */
const RETRY_MS = 5000;

/**
 * Repositories that are copies of other registries', made when they are asked for: one download however many ask, and what is here is
 * served while the other registry cannot be reached.
 */
export class UpstreamCache {
  readonly #parts: UpstreamCacheParts;
  readonly #flights = new Flights();
  readonly #downloads = new Map<string, Promise<BlobDownload>>();
  /** When what was asked for is to be asked for again, in the order of asking. */
  readonly #askAgainMs = new Map<string, number>();
  readonly #isOffline = new Set<string>();

  constructor(parts: UpstreamCacheParts) {
    this.#parts = parts;
  }

  /** What a repository is called here of which a client says `?ns=`. */
  localName(repository: RepositoryName, namespace: string): RepositoryName {
    return nameOfNamespace(this.#parts.rules, repository, namespace);
  }

  /** True if the repository is a copy: only the other registry changes it. */
  isCopy(repository: RepositoryName): boolean {
    return findUpstream(this.#parts.rules, repository) !== undefined;
  }

  /**
   * Sees to it that a manifest is here, if the other registry has it; a tag is asked for again when it was believed for long enough.
   * What is here already is good enough if the other registry cannot be reached.
   *
   * @returns true if it is stale: the other registry could not be asked.
   * @throws `unavailable` if it is not here, and the other registry cannot be reached.
   */
  async ensureManifest(repository: RepositoryName, named: Named): Promise<boolean> {
    const upstream = findUpstream(this.#parts.rules, repository);
    if (upstream === undefined) return false;
    const { manifests } = this.#parts.repositories;
    if ("digest" in named && manifests.find(repository, named) !== undefined) return false;
    const key = `manifest ${repository} ${"tag" in named ? named.tag : named.digest}`;
    // Of what was found it matters only while it is here: it may have been removed, or damaged and put aside.
    const found = `found ${key}`;
    let isStale = false;
    await this.#flights.run(
      key,
      () => this.#isFresh(key) || (this.#isFresh(found) && manifests.find(repository, named) !== undefined),
      async () => {
        isStale = await this.#askForManifest(upstream, repository, named);
        const isGood = !isStale && manifests.find(repository, named) !== undefined;
        const { refreshMs } = upstream.rule;
        if (isGood) this.#remember(found, refreshMs);
        else this.#remember(key, Math.min(refreshMs, RETRY_MS));
      },
    );
    return isStale;
  }

  /** @returns true if it could not be asked, and what is here will do */
  async #askForManifest(upstream: UpstreamRepository, repository: RepositoryName, named: Named): Promise<boolean> {
    const { manifests } = this.#parts.repositories;
    const here = manifests.find(repository, named);
    try {
      const patience = here === undefined ? {} : IMPATIENT;
      await this.#fromFirst({ ...upstream, patience }, named, (source) =>
        this.#copyManifest(source, repository, named),
      );
      this.#tellOnline(upstream.rule);
      return false;
    } catch (error) {
      if (isGantryError(error, "not-found")) {
        if ("tag" in named && here !== undefined) manifests.untag(repository, named.tag);
        return false;
      }
      this.#tellOffline(upstream.rule, error);
      if (here !== undefined) return true;
      throw unreachable(upstream, error);
    }
  }

  async #copyManifest({ client, reference }: RegistrySource, repository: RepositoryName, named: Named): Promise<void> {
    const { manifests } = this.#parts.repositories;
    const here = manifests.find(repository, named);
    // A HEAD is cheap, and is not counted where pulls are.
    if (here !== undefined && (await client.describe(reference))?.digest === here.digest) return;
    const { bytes, descriptor } = await client.resolve(reference);
    await manifests.put(repository, bytes, {
      digest: descriptor.digest,
      tags: "tag" in named ? [named.tag] : [],
      contentType: descriptor.mediaType,
      // Its blobs come when they are asked for.
      allowsSparse: true,
    });
  }

  /**
   * A blob that one of the repository's manifests refers to and that is not here yet, as it comes.
   *
   * @returns undefined if it is here, or if nothing in the repository refers to it.
   */
  async download(repository: RepositoryName, digest: Digest): Promise<BlobDownload | undefined> {
    const upstream = findUpstream(this.#parts.rules, repository);
    const { blobs } = this.#parts.repositories;
    if (upstream === undefined || blobs.stat(repository, digest) !== undefined) return undefined;
    const descriptor = await findDescriptor(this.#parts.repositories.manifests, repository, digest);
    if (descriptor === undefined) return undefined;
    // A manifest from elsewhere may name whatever it likes: a blob that not everybody may read comes with nothing but its own bytes.
    const isPublic = this.#parts.isPublic(repository);
    const key = isPublic ? digest : `${repository} ${digest}`;
    const running = this.#downloads.get(key);
    if (running !== undefined) {
      const download = await running;
      download.done.then(
        () => blobs.link(repository, digest),
        () => undefined,
      );
      return download;
    }
    if (this.#hasPublic(digest) && blobs.link(repository, digest)) return undefined;
    const starting = this.#startDownload(upstream, repository, descriptor);
    this.#downloads.set(key, starting);
    const forget = (): void => void this.#downloads.delete(key);
    starting.then((download) => download.done.then(forget, forget), forget);
    return await starting;
  }

  #hasPublic(digest: Digest): boolean {
    const holders = this.#parts.repositories.blobs.holders(digest);
    return holders.slice(0, HOLDERS_MAX).some((holder) => this.#parts.isPublic(holder));
  }

  async #startDownload(
    upstream: UpstreamRepository,
    repository: RepositoryName,
    descriptor: Descriptor,
  ): Promise<BlobDownload> {
    const { content, repositories } = this.#parts;
    const sources = await this.#sources(upstream, { digest: descriptor.digest });
    const file = content.reserve();
    const download = await BlobDownload.begin({
      descriptor,
      path: file.path,
      readStored: async (start, end) => {
        const body = await content.body(descriptor.digest, { start, end });
        return body instanceof Blob ? body.stream() : body;
      },
      source: openFromSources(sources, descriptor),
      store: (blob) =>
        content.adopt(file, blob, { also: () => void repositories.blobs.link(repository, descriptor.digest) }),
    });
    download.done.catch(async (error) => {
      await file[Symbol.asyncDispose]();
      this.#tellOffline(upstream.rule, error);
    });
    return download;
  }

  /** The tags there; undefined for a repository of our own, and where the other registry cannot be asked. */
  async tags(repository: RepositoryName): Promise<readonly Tag[] | undefined> {
    const upstream = findUpstream(this.#parts.rules, repository);
    if (upstream === undefined) return undefined;
    try {
      const tags: Tag[] = [];
      const asking = { ...upstream, patience: IMPATIENT };
      await this.#fromFirst(asking, { tag: "latest" as Tag }, async ({ client, reference }) => {
        tags.length = 0;
        for await (const tag of client.tags(reference.repository)) {
          if (isTag(tag)) tags.push(tag);
          if (tags.length >= TAGS_MAX) break;
        }
      });
      return [...new Set(tags)].sort();
    } catch (error) {
      if (!isGantryError(error, "not-found")) this.#tellOffline(upstream.rule, error);
      return undefined;
    }
  }

  /** What refers to a manifest there; undefined for a repository of our own, and where the other registry cannot be asked. */
  async referrers(repository: RepositoryName, digest: Digest): Promise<readonly Descriptor[] | undefined> {
    const upstream = findUpstream(this.#parts.rules, repository);
    if (upstream === undefined) return undefined;
    try {
      let found: readonly Descriptor[] = [];
      await this.#fromFirst({ ...upstream, patience: IMPATIENT }, { digest }, async ({ client, reference }) => {
        found = await client.referrers(reference.repository, digest);
      });
      return found;
    } catch (error) {
      if (!isGantryError(error, "not-found")) this.#tellOffline(upstream.rule, error);
      return undefined;
    }
  }

  /** Asks one source after the other until one answers. @throws what the last one throws */
  async #fromFirst(
    upstream: UpstreamRepository & { readonly patience?: Partial<typeof IMPATIENT> },
    named: Named,
    ask: (source: RegistrySource) => Promise<void>,
  ): Promise<void> {
    const sources = await this.#sources(upstream, named, upstream.patience);
    for (const [index, source] of sources.entries()) {
      try {
        return await ask(source);
      } catch (error) {
        if (index === sources.length - 1) throw error;
      }
    }
  }

  async #sources(
    { rule, remote }: UpstreamRepository,
    named: Named,
    patience: Partial<typeof IMPATIENT> = {},
  ): Promise<readonly RegistrySource[]> {
    const reference: Reference = { registry: rule.registry, repository: remote, ...named };
    return await this.#parts.registries.sources(reference, readUpstreamLogin(rule), patience);
  }

  #isFresh(key: string): boolean {
    return this.#parts.now() < (this.#askAgainMs.get(key) ?? 0);
  }

  #remember(key: string, forMs: number): void {
    this.#askAgainMs.delete(key);
    this.#askAgainMs.set(key, this.#parts.now() + forMs);
    if (this.#askAgainMs.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#askAgainMs.keys()) {
      this.#askAgainMs.delete(oldest);
      return;
    }
  }

  #tellOffline({ registry }: UpstreamRule, error: unknown): void {
    if (this.#isOffline.has(registry)) return;
    this.#isOffline.add(registry);
    this.#parts.warn(`${registry} cannot be asked, and what is here of it is served as it is: ${formatError(error)}`);
  }

  #tellOnline({ registry }: UpstreamRule): void {
    if (this.#isOffline.delete(registry)) this.#parts.warn(`${registry} answers again`);
  }
}

function unreachable({ rule, remote }: UpstreamRepository, cause: unknown): GantryError {
  return new GantryError(
    "unavailable",
    `${rule.registry}/${remote} is not here yet, and ${rule.registry} cannot be asked`,
    { cause },
  );
}
