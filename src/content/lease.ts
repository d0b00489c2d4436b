import type { Digest } from "../oci/digest.ts";

/**
 * Protects what is being made from garbage collection until it is referenced. It lives as long as this process, which owns
 * the root: what a dead process was making is garbage.
 */
export class Lease implements Disposable {
  readonly #digests = new Set<Digest>();
  readonly #end: (lease: Lease) => void;

  constructor(end: (lease: Lease) => void) {
    this.#end = end;
  }

  /** Protects a digest, whether or not the store holds it yet. */
  protect(digest: Digest): void {
    this.#digests.add(digest);
  }

  get digests(): ReadonlySet<Digest> {
    return this.#digests;
  }

  /** Ends the protection. Idempotent. */
  [Symbol.dispose](): void {
    this.#end(this);
  }
}
