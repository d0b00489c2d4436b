import type { ContentStore } from "../../content/content-store.ts";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { Flights } from "../../platform/flights.ts";
import { openFromSources } from "../client/open-from-sources.ts";
import type { RegistryConnections, RegistrySource } from "../client/registry-connections.ts";
import type { Repositories } from "../repositories/repositories.ts";
import { isTag, type RepositoryName, type Tag } from "../repositories/repository-name.ts";
import { BlobDownload } from "./blob-download.ts";
import { findDescriptor } from "./find-descriptor.ts";
import { type NamedManifest, RefreshTimes, type UpstreamAnswer } from "./refresh-times.ts";
import { findUpstream, nameOfNamespace, type UpstreamRepository, type UpstreamRule } from "./upstream-rule.ts";
import { UpstreamSources } from "./upstream-sources.ts";

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

const TAGS_MAX = 100_000;
/** How many repositories that hold a blob are looked at. */
const HOLDERS_MAX = 100;

/**
 * Repositories that are copies of other registries', made when they are asked for: one download however many ask, and what is here is
 * served while the other registry cannot be reached.
 */
export class UpstreamCache {
  readonly #parts: UpstreamCacheParts;
  readonly #flights = new Flights();
  readonly #downloads = new Map<string, Promise<BlobDownload>>();
  readonly #sources: UpstreamSources;
  readonly #refresh: RefreshTimes;

  constructor(parts: UpstreamCacheParts) {
    this.#parts = parts;
    this.#sources = new UpstreamSources(parts);
    this.#refresh = new RefreshTimes(parts.now);
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
   * Sees to it that a manifest is here, if the other registry has it; `RefreshTimes` says when that is asked. What is here already is good
   * enough if the other registry cannot be reached, or refuses it to the account that it is asked by.
   *
   * @returns true if it is stale: the other registry could not be asked.
   * @throws `unavailable` if it is not here, and the other registry cannot be reached.
   */
  async ensureManifest(repository: RepositoryName, named: NamedManifest): Promise<boolean> {
    const upstream = findUpstream(this.#parts.rules, repository);
    if (upstream === undefined) return false;
    await this.#flights.run(
      `${repository} ${"tag" in named ? named.tag : named.digest}`,
      () => !this.#refresh.isDue(repository, named, this.#has(repository, named)),
      async () => {
        const answer = await this.#askForManifest(upstream, repository, named);
        this.#refresh.note(repository, named, { answer, refreshMs: upstream.rule.refreshMs });
      },
    );
    const last = this.#refresh.last(repository, named);
    if (last?.kind !== "unreachable") return false;
    if (this.#has(repository, named)) return true;
    throw unreachable(upstream, last.why);
  }

  #has(repository: RepositoryName, named: NamedManifest): boolean {
    return this.#parts.repositories.manifests.find(repository, named) !== undefined;
  }

  async #askForManifest(
    upstream: UpstreamRepository,
    repository: RepositoryName,
    named: NamedManifest,
  ): Promise<UpstreamAnswer> {
    const isHere = this.#has(repository, named);
    try {
      await this.#sources.ask({ upstream, named, isImpatient: isHere }, (source) =>
        this.#copyManifest(source, repository, named),
      );
      return { kind: "found" };
    } catch (error) {
      const refusal = refusalOf(error);
      // The account that a rule names may not have it: that says nothing about whether it is still there.
      if (isHere && refusal !== undefined && upstream.rule.login !== undefined)
        this.#sources.tellOffline(upstream.rule, error);
      else if (isGantryError(error, "not-found")) {
        if (refusal !== undefined) this.#sources.tellRefused(upstream, refusal);
        if ("tag" in named && isHere) this.#parts.repositories.manifests.untag(repository, named.tag);
        return { kind: "absent" };
      }
      return { kind: "unreachable", why: error };
    }
  }

  async #copyManifest(
    { client, reference }: RegistrySource,
    repository: RepositoryName,
    named: NamedManifest,
  ): Promise<void> {
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
    const sources = await this.#sources.list(upstream, { digest: descriptor.digest });
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
      this.#sources.tellOffline(upstream.rule, error);
    });
    return download;
  }

  /** The tags there; undefined for a repository of our own, and where the other registry cannot be asked. */
  async tags(repository: RepositoryName): Promise<readonly Tag[] | undefined> {
    const tags = await this.#list(repository, { tag: "latest" as Tag }, async ({ client, reference }) => {
      const found = new Set<Tag>();
      for await (const tag of client.tags(reference.repository)) {
        if (isTag(tag)) found.add(tag);
        if (found.size >= TAGS_MAX) break;
      }
      return found;
    });
    return tags === undefined ? undefined : [...tags].sort();
  }

  /** What refers to a manifest there; undefined for a repository of our own, and where the other registry cannot be asked. */
  async referrers(repository: RepositoryName, digest: Digest): Promise<readonly Descriptor[] | undefined> {
    return await this.#list(repository, { digest }, ({ client, reference }) =>
      client.referrers(reference.repository, digest),
    );
  }

  /** What the other registry lists; undefined where it says nothing: then what is here is listed. */
  async #list<T>(
    repository: RepositoryName,
    named: NamedManifest,
    question: (source: RegistrySource) => Promise<T>,
  ): Promise<T | undefined> {
    const upstream = findUpstream(this.#parts.rules, repository);
    if (upstream === undefined) return undefined;
    try {
      return await this.#sources.ask({ upstream, named, isImpatient: true }, question);
    } catch {
      // `ask` has told the operator.
      return undefined;
    }
  }
}

/** Why it is not found, if that is because the other registry does not let us have it. */
function refusalOf(error: unknown): GantryError | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return isGantryError(cause, "permission-denied") ? cause : undefined;
}

function unreachable({ rule, remote }: UpstreamRepository, cause: unknown): GantryError {
  return new GantryError(
    "unavailable",
    `${rule.registry}/${remote} is not here yet, and ${rule.registry} cannot be asked`,
    { cause },
  );
}
