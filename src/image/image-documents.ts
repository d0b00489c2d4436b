import { readFileSync } from "node:fs";
import type { ContentStore } from "../content/content-store.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { ImageConfig } from "../oci/image.ts";
import {
  CONFIG_BYTES_MAX,
  MANIFEST_BYTES_MAX,
  type ManifestDocument,
  parseImageConfig,
  parseManifest,
} from "../oci/manifest.ts";

const CACHED_MAX = 512;

/** Manifests and configs out of the store: verified, parsed, and kept for the next time, since they never change. */
export class ImageDocuments {
  readonly #content: ContentStore;
  readonly #cache = new Map<string, unknown>();

  constructor(content: ContentStore) {
    this.#content = content;
  }

  /** @throws `not-found` if it is not stored; `data-loss` if it is damaged or no manifest. */
  manifest(digest: Digest): ManifestDocument {
    return this.#cached(`manifest ${digest}`, () => parseManifest(this.bytes(digest, MANIFEST_BYTES_MAX)));
  }

  /** @throws `not-found` if it is not stored; `data-loss` if it is damaged or no config. */
  config(digest: Digest): ImageConfig {
    return this.#cached(`config ${digest}`, () => parseImageConfig(this.bytes(digest, CONFIG_BYTES_MAX)));
  }

  /** The bytes of a small blob, verified. */
  bytes(digest: Digest, maxBytes: number): Uint8Array {
    const found = this.#content.stat(digest);
    if (found === undefined) throw new GantryError("not-found", `the store has no ${digest}`);
    if (found.sizeBytes > maxBytes) throw new GantryError("data-loss", `${digest} is larger than ${maxBytes} bytes`);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.#content.path(digest));
    } catch (cause) {
      throw new GantryError("data-loss", `${digest} is missing from the store`, { cause });
    }
    if (digestOf(bytes, digestAlgorithm(digest)) !== digest) throw new GantryError("data-loss", `${digest} is damaged`);
    return bytes;
  }

  #cached<T>(key: string, make: () => T): T {
    const known = this.#cache.get(key) as T | undefined;
    const value = known ?? make();
    this.#cache.delete(key);
    this.#cache.set(key, value);
    if (this.#cache.size > CACHED_MAX) {
      const [oldest] = this.#cache.keys();
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
    return value;
  }
}
