import type { Digest } from "../../oci/digest.ts";

/** What happened, in the words of Docker's registry. */
export type RegistryAction = "push" | "pull" | "mount" | "delete";

/** What it happened to. */
export interface EventTarget {
  readonly repository: string;
  /** Left out when a tag is deleted. */
  readonly digest?: Digest;
  /** Left out when something is deleted, as Docker's registry does. */
  readonly mediaType?: string;
  readonly sizeBytes?: number;
  readonly tag?: string;
  /** Of a mount. */
  readonly fromRepository?: string;
  /** Where it can be had. */
  readonly url?: string;
}

/** Something that happened in a repository, because of a request. */
export interface RegistryEvent {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly action: RegistryAction;
  readonly target: EventTarget;
  readonly request: {
    readonly id: string;
    readonly address: string;
    readonly host: string;
    readonly method: string;
    readonly userAgent: string;
  };
  /** Who asked, if anybody with a name. */
  readonly actor?: string;
}
