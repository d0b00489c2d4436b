/** `POST /gantry/registry/serve`, our own call: opens the registry's door, until the call's connection ends. */
export interface ServeRegistryRequest {
  /** A `registry.toml`, an absolute path. What is said here holds before what it says. */
  readonly Config?: string;
  /** `HOST:PORT`; port 0 means one that is free. @default 127.0.0.1:5000 */
  readonly Listen?: string;
  /** Take manifests whose blobs or manifests are missing. */
  readonly AllowSparse?: boolean;
  /** The file of users and rights, an absolute path. @default `access.toml` in the root; without it everybody may do everything */
  readonly Access?: string;
  /** Where clients reach it, if that is not what they say in `Host`: `https://registry.example.org`. */
  readonly ExternalUrl?: string;
}

/** One line of the answer. */
export type RegistryNotice =
  | { readonly kind: "listening" /** `HOST:PORT` */; readonly address: string; readonly metricsAddress?: string }
  | { readonly kind: "warning"; readonly sentence: string }
  /** A line of the access or the audit log. */
  | { readonly kind: "log"; readonly line: string };

/** `POST /gantry/registry/upkeep`, our own call: looks after what the registry keeps, now. */
export interface RegistryUpkeepRequest {
  readonly Task: "collect" | "retention" | "scrub";
  /** Say what would go, and leave it. Not for `scrub`, which removes nothing. */
  readonly DryRun?: boolean;
  /** A `registry.toml`, an absolute path. @default that of the door that was opened last */
  readonly Config?: string;
  /** For `scrub`: read no more in a second; 0 for as fast as it goes. */
  readonly BytesPerSecond?: number;
}

/** One line of the answer. The last one says what it came to. */
export type RegistryUpkeepNotice =
  | { readonly kind: "line"; readonly line: string }
  | { readonly kind: "warning"; readonly sentence: string }
  | { readonly kind: "failed"; readonly sentence: string }
  | {
      readonly kind: "collected";
      readonly links: number;
      readonly blobs: number;
      readonly freedBytes: number;
      readonly uploads: number;
    }
  | {
      readonly kind: "retained";
      readonly tags: number;
      readonly manifests: number;
      /** What was pushed or pulled within it stays, whatever the rules say: `1h`. */
      readonly grace: string;
    }
  | {
      readonly kind: "verified";
      readonly blobs: number;
      readonly bytes: number;
      readonly damaged: number;
      readonly repaired: number;
      /** Of passes before, needed and still not here. */
      readonly missing: number;
    };
