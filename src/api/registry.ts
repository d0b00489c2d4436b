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
