import type { ContentStore } from "../../content/content-store.ts";
import type { State } from "../../state/state.ts";
import { Listings } from "./listings.ts";
import { Manifests } from "./manifests.ts";
import { RepositoryBlobs } from "./repository-blobs.ts";
import { Uploads } from "./uploads.ts";

export interface OpenRepositoriesOptions {
  readonly state: State;
  /** Opened with `REGISTRY_ROOTS`. */
  readonly content: ContentStore;
  /** For uploads that are not finished, on the content store's file system. */
  readonly uploadsDirectory: string;
  readonly randomId: () => string;
}

/** What a registry keeps, over the content store that everything here shares: repositories say who holds what, and never copy it. */
export interface Repositories {
  readonly manifests: Manifests;
  readonly blobs: RepositoryBlobs;
  readonly uploads: Uploads;
  readonly listings: Listings;
}

export function openRepositories(options: OpenRepositoriesOptions): Repositories {
  const { state, content, uploadsDirectory: directory, randomId } = options;
  const blobs = new RepositoryBlobs({ state, content });
  return {
    blobs,
    manifests: new Manifests({ state, content }),
    uploads: new Uploads({ directory, content, blobs, now: state.now, randomId }),
    listings: new Listings(state),
  };
}
