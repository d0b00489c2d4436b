import type { Digest } from "../oci/digest.ts";

/** What an entry costs beside its bytes. */
const ENTRY_BYTES = 256;
/** Larger ones would push out too many others. */
const SHARE_MAX = 1 / 16;

/** Verified bytes of small blobs in memory. They never change, so that nothing is ever out of date; who was not asked for longest goes first. */
export class RememberedBytes {
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #known = new Map<Digest, Uint8Array>();
  readonly #reading = new Map<Digest, Promise<Uint8Array>>();
  #sizeBytes = 0;

  /** @param maxBytes of all that is remembered; 0: nothing is */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The bytes of a blob, not to be changed.
   *
   * @param read fetches and verifies them; once for all who ask meanwhile
   */
  async get(digest: Digest, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.#maxBytes === 0) return await read();
    const known = this.#known.get(digest);
    if (known !== undefined) {
      this.#known.delete(digest);
      this.#known.set(digest, known);
      return known;
    }
    const reading = this.#reading.get(digest) ?? this.#read(digest, read);
    return await reading;
  }

  async #read(digest: Digest, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const reading = read();
    this.#reading.set(digest, reading);
    try {
      const bytes = await reading;
      this.#add(digest, bytes);
      return bytes;
    } finally {
      this.#reading.delete(digest);
    }
  }

  #add(digest: Digest, bytes: Uint8Array): void {
    const costBytes = bytes.byteLength + ENTRY_BYTES;
    if (costBytes > this.#maxBytes * SHARE_MAX) return;
    // A copy, for bytes may be a small part of a large buffer.
    this.#known.set(digest, new Uint8Array(bytes));
    this.#sizeBytes += costBytes;
    for (const [oldest, { byteLength }] of this.#known) {
      if (this.#sizeBytes <= this.#maxBytes) return;
      this.#known.delete(oldest);
      this.#sizeBytes -= byteLength + ENTRY_BYTES;
    }
  }
}
