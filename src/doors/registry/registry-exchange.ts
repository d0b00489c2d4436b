import type { Repositories } from "../../distribution/repositories/repositories.ts";

/** How this door behaves. */
export interface RegistrySettings {
  /** Take manifests whose blobs or manifests are missing. @default false */
  readonly allowsSparse?: boolean;
}

/** One request, read as far as all routes need. */
export interface RegistryExchange {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** What the door translates to. */
  readonly parts: Repositories;
  readonly settings: RegistrySettings;
}
