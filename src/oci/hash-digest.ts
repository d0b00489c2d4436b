// Apart from digest.ts: loading node:crypto costs a command line that only reads digests two milliseconds.
import { createHash, type Hash } from "node:crypto";
import type { Digest, DigestAlgorithm } from "./digest.ts";

/** The digest of bytes held in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as Digest;
}

/** Ends a running hash and gives its digest. The hash cannot be used afterwards. */
export function finishDigest(hash: Hash, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${hash.digest("hex")}` as Digest;
}
