import type { ContentStore } from "../../content/content-store.ts";
import type { State } from "../../state/state.ts";
import { LastPulls } from "./last-pulls.ts";
import { Listings } from "./listings.ts";
import { Manifests } from "./manifests.ts";
import { RepositoryBlobs } from "./repository-blobs.ts";
import { RepositoryOwners } from "./repository-owners.ts";
import { StoreProof } from "./store-proof.ts";
import { Uploads } from "./uploads/uploads.ts";
import { Usage } from "./usage.ts";

export interface OpenRepositoriesOptions {
  readonly state: State;
  /** Opened with `REGISTRY_ROOTS`. */
  readonly content: ContentStore;
  /** For uploads that are not finished, on the content store's file system. */
  readonly uploadsDirectory: string;
  readonly randomId: () => string;
  /** A push may take so long between its blobs and its manifest; must not become shorter. @default an hour */
  readonly graceMs?: () => number;
  /** 32 random bytes of this process, for `StoreProof`. @default no proof is good */
  readonly storeKey?: Uint8Array;
}

/** An hour: within it, whoever pushes a large image over a slow line gets from its first blob to its manifest. */
export const GRACE_MS = 3_600_000;

/** What a registry keeps, over the content store that everything here shares: repositories say who holds what, and never copy it. */
export interface Repositories {
  readonly manifests: Manifests;
  readonly blobs: RepositoryBlobs;
  readonly uploads: Uploads;
  readonly listings: Listings;
  readonly usage: Usage;
  readonly owners: RepositoryOwners;
  readonly lastPulls: LastPulls;
  readonly storeProof: StoreProof;
  /** How long a blob that no manifest refers to is kept, since its pusher was last told that it is there. */
  readonly graceMs: () => number;
  /** @throws why nothing can be served now: the database does not answer, or `unavailable` of the storage of blobs */
  requireReady(): Promise<void>;
  /** Runs changes in one transaction: all of them or none. `work` must not wait. */
  transaction<T>(work: () => T): T;
}

export function openRepositories(options: OpenRepositoriesOptions): Repositories {
  const { state, content, uploadsDirectory: directory, randomId } = options;
  const { graceMs = () => GRACE_MS } = options;
  const blobs = new RepositoryBlobs({ state, content, graceMs });
  const listings = new Listings(state);
  const uploads = new Uploads({ state, directory, content, blobs, randomId });
  return {
    blobs,
    manifests: new Manifests({ state, content }),
    uploads,
    listings,
    usage: new Usage(state),
    owners: new RepositoryOwners(state, uploads.known),
    lastPulls: new LastPulls(state),
    storeProof: new StoreProof(options.storeKey),
    graceMs,
    async requireReady() {
      // What the smallest page of the catalogue needs.
      listings.repositories({ limit: 0 });
      await content.requireReady();
    },
    transaction: (work) => state.transaction(work),
  };
}
