/** `POST /gantry/registry/serve`, our own call: opens the registry's door, until the call's connection ends. */
export interface ServeRegistryRequest {
  /** `HOST:PORT`; port 0 means one that is free. */
  readonly Listen: string;
  /** Take manifests whose blobs or manifests are missing. */
  readonly AllowSparse?: boolean;
}

/** One line of the answer. */
export type RegistryNotice =
  | { readonly kind: "listening" /** `HOST:PORT` */; readonly address: string }
  | { readonly kind: "warning"; readonly sentence: string };
