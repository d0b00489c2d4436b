import type { ContentStore } from "../content/content-store.ts";
import type { RegistryConnections } from "../distribution/client/registry-connections.ts";
import type { State } from "../state/state.ts";
import type { StorageConfig } from "./storage-config.ts";

/** What a root's registry is made of: for its service, and for each door. */
export interface RegistryServiceParts {
  readonly root: string;
  readonly state: State;
  /** Opened with `REGISTRY_ROOTS`. */
  readonly content: ContentStore;
  /** How other registries are reached, to be copied. */
  readonly registries: RegistryConnections;
  /** Of a root whose blobs are in a bucket. @default they are files */
  readonly storage?: StorageConfig;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}
