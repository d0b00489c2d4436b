import type { ContentStore } from "../../content/content-store.ts";
import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";
import type { Repositories } from "../repositories/repositories.ts";
import { type BlobLink, collectLinks } from "./collect-links.ts";

export interface CollectionParts {
  readonly state: State;
  readonly content: ContentStore;
  readonly repositories: Repositories;
}

export interface CollectionOptions {
  readonly uploadsIdleMs: number;
  /** Say what would go, and leave it. @default false */
  readonly isDryRun?: boolean;
  /** Told of each blob that a repository no longer holds. */
  readonly onLink?: (link: BlobLink) => void;
  /** Told of each blob that nothing needs; in a dry run not of those that a repository has yet to cease to hold. */
  readonly onBlob?: (digest: Digest) => void;
  /** Ends it between two steps. */
  readonly signal?: AbortSignal;
}

export interface CollectionOutcome {
  /** How many times a repository ceased to hold a blob that none of its manifests refers to. */
  readonly links: number;
  /** How many blobs nothing needed any more, and their bytes. */
  readonly blobs: number;
  readonly freedBytes: number;
  /** Uploads that were given up, or would be. */
  readonly uploads: number;
}

/**
 * Removes what a registry holds for nobody: blobs that no manifest of their repository refers to, once the grace period is over, then what
 * nothing at all needs, uploads that were given up, and who began repositories of which nothing came. Everything else goes on meanwhile:
 * there is no mode in which pushes are refused.
 */
export async function collectRepositories(
  { state, content, repositories }: CollectionParts,
  options: CollectionOptions,
): Promise<CollectionOutcome> {
  const beforeMs = state.now() - repositories.graceMs();
  let links = 0;
  for await (const step of collectLinks(state, { ...options, beforeMs })) {
    links += step.length;
    for (const link of step) options.onLink?.(link);
  }
  const { isDryRun = false } = options;
  const uploads = await repositories.uploads.known.sweep(options.uploadsIdleMs, { isDryRun });
  if (!isDryRun) await repositories.owners.forgetUnmade(repositories.uploads.known);
  options.signal?.throwIfAborted();
  const { removed, freedBytes } = await content.collect({ isDryRun });
  for (const digest of removed) options.onBlob?.(digest);
  if (!isDryRun) await content.reconcile(options.signal);
  return { links, blobs: removed.length, freedBytes, uploads };
}
