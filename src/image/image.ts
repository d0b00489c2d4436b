import type { Digest } from "../oci/digest.ts";
import type { Descriptor, ImageConfig, ImageManifest, Platform } from "../oci/image.ts";
import type { ChainId } from "./chain-id.ts";

/** An image of one platform, with all that names it. */
export interface Image {
  /** Digest of its config. */
  readonly id: Digest;
  readonly manifestDigest: Digest;
  /** What its names point to: the manifest itself, or an index. */
  readonly targets: readonly Descriptor[];
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly platform: Platform;
  /** As Docker shows them: `busybox:latest`. */
  readonly names: readonly string[];
  /** As Docker shows them: `busybox@sha256:…`. */
  readonly repoDigests: readonly string[];
  /** Of all its layers; `undefined` if it has none. */
  readonly chainId: ChainId | undefined;
  /** As in the config: RFC 3339, or empty. */
  readonly createdAt: string;
  /** Of its files once unpacked, as Docker counts; packed, as long as it is not unpacked. */
  readonly sizeBytes: number;
}

/** `2f0c1e…`, as Docker shows ids in short. */
export function shortId(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}
