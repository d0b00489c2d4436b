import { GantryError } from "../../src/errors/gantry-error.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import type { Descriptor } from "../../src/oci/image.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import type { SignatureStore } from "../../src/trust/sign/signature-store.ts";

/** A repository in memory, which holds whatever a test puts there, well-formed or not. */
export class MemorySignatures implements SignatureStore {
  readonly #manifests = new Map<string, Uint8Array>();
  readonly #referrers = new Map<Digest, Descriptor[]>();
  readonly #blobs = new Map<Digest, Uint8Array>();
  /** What was asked for. */
  readonly asked: string[] = [];

  blobOf(content: Uint8Array | string, mediaType: string): Descriptor {
    const bytes = Buffer.from(content);
    const digest = digestOf(bytes);
    this.#blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Puts other bytes where a digest's are. */
  corrupt(digest: Digest, bytes: Uint8Array): void {
    this.#blobs.set(digest, bytes);
  }

  tag(tag: string, document: unknown): Digest {
    const bytes = Buffer.from(JSON.stringify(document));
    this.#manifests.set(tag, bytes);
    return digestOf(bytes);
  }

  /** @param artifactType as the list of referrers has it. */
  refer(subject: Digest, artifactType: string, document: unknown): Digest {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = digestOf(bytes);
    this.#manifests.set(digest, bytes);
    const entry = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest,
      size: bytes.byteLength,
      artifactType,
    };
    this.#referrers.set(subject, [...(this.#referrers.get(subject) ?? []), entry]);
    return digest;
  }

  async manifest(name: { readonly tag: string } | { readonly digest: Digest }) {
    const key = "tag" in name ? name.tag : name.digest;
    this.asked.push(key);
    const bytes = this.#manifests.get(key);
    if (bytes === undefined) return undefined;
    const document = parseManifest(bytes);
    if (document.kind !== "manifest") return undefined;
    const descriptor = { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    return { descriptor, manifest: document.manifest };
  }

  async referrers(digest: Digest): Promise<readonly Descriptor[]> {
    return this.#referrers.get(digest) ?? [];
  }

  async blob({ digest }: Descriptor): Promise<Uint8Array> {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new GantryError("not-found", `no blob ${digest}`);
    return bytes;
  }

  async pushBlob(bytes: Uint8Array): Promise<void> {
    this.#blobs.set(digestOf(bytes), bytes);
  }

  /** As a registry: what it refers to has to be there, and a subject gets one more referrer. */
  async putManifest(name: { readonly tag: string } | { readonly digest: Digest }, bytes: Uint8Array): Promise<void> {
    const document = parseManifest(bytes);
    if (document.kind !== "manifest") throw new GantryError("data-loss", "no manifest");
    const { config, layers, subject, artifactType = config.mediaType } = document.manifest;
    for (const { digest } of [config, ...layers]) {
      if (!this.#blobs.has(digest)) throw new GantryError("data-loss", `no blob ${digest}`);
    }
    if ("tag" in name) this.#manifests.set(name.tag, bytes);
    else if (subject !== undefined) {
      this.refer(subject.digest, artifactType, JSON.parse(Buffer.from(bytes).toString()));
    }
  }
}
