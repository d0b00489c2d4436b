import type { Repositories } from "../../distribution/repositories/repositories.ts";
import type { UpstreamCache } from "../../distribution/upstream/upstream-cache.ts";
import type { Access, Identity } from "../../identity/index.ts";

import type { TellEvent } from "./tell-event.ts";

/** How this door behaves. */
export interface RegistrySettings {
  /** Take manifests whose blobs or manifests are missing. @default false */
  readonly allowsSparse?: boolean;
  /** Where clients reach this registry, `https://registry.example.org`. @default what they say in `Host` */
  readonly externalUrl?: string;
}

/** One request that was let in, read as far as all routes need. */
export interface RegistryExchange {
  readonly request: Request;
  readonly query: URLSearchParams;
  /** What the door translates to. */
  readonly parts: Repositories;
  readonly settings: RegistrySettings;
  readonly access: Access;
  readonly identity: Identity;
  /** What copies other registries; undefined if nothing does. */
  readonly cache: UpstreamCache | undefined;
  /** Tells whoever listens; undefined if nobody does. */
  readonly tell: TellEvent | undefined;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}
