import { createHmac, timingSafeEqual } from "node:crypto";
import type { Digest } from "../../oci/digest.ts";

/** The header in which an engine says to the registry of its own store that it has a blob: ours alone know it. */
export const STORE_PROOF_HEADER = "gantry-store-proof";

/**
 * Shows that whoever wants a repository to hold a blob is the process that has the store: then it is a row, and no bytes are sent. It is good
 * for one blob and one repository, so that who overhears it learns nothing to use elsewhere; the right to push is asked for besides.
 */
export class StoreProof {
  readonly #key: Uint8Array | undefined;

  /** @param key 32 random bytes, of this process alone; without them no proof is good */
  constructor(key: Uint8Array | undefined) {
    this.#key = key;
  }

  of(repository: string, digest: Digest): string | undefined {
    if (this.#key === undefined) return undefined;
    return createHmac("sha256", this.#key).update(`${repository}\n${digest}`).digest("hex");
  }

  isGood(proof: string, repository: string, digest: Digest): boolean {
    const good = this.of(repository, digest);
    if (good === undefined) return false;
    const [given, expected] = [Buffer.from(proof), Buffer.from(good)];
    return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
  }
}
