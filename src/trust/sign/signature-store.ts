import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import type { SignatureSource } from "../find-signatures.ts";

/** Where signatures are put: one repository. */
export interface SignatureStore extends SignatureSource {
  /** Idempotent. */
  pushBlob(bytes: Uint8Array): Promise<void>;
  /** Under a tag, which then means it, or its digest. */
  putManifest(name: { readonly tag: string } | { readonly digest: Digest }, bytes: Uint8Array): Promise<void>;
}

/** What came of signing. Signing what is signed already changes nothing. */
export interface SignOutcome {
  readonly status: "signed" | "already-signed";
  /** The manifest that holds the signature. */
  readonly manifest: Digest;
}

/** Stores a blob, and describes it. */
export async function pushed(store: SignatureStore, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  await store.pushBlob(bytes);
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}

export interface Referrer {
  readonly subject: Descriptor;
  readonly layer: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of the config; its content is the empty object. */
  readonly configType: string;
  readonly artifactType?: string;
}

/** Stores a manifest of one layer that refers to an image. Its blobs come first, so that it is there whole or not at all. */
export async function putReferrer(store: SignatureStore, referrer: Referrer): Promise<Digest> {
  const { subject, layer, annotations, configType, artifactType } = referrer;
  const config = await pushed(store, new TextEncoder().encode("{}"), configType);
  const { mediaType, digest, size } = subject;
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    ...(artifactType === undefined ? {} : { artifactType }),
    config,
    layers: [layer],
    subject: { mediaType, digest, size },
    annotations,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const manifestDigest = digestOf(bytes);
  await store.putManifest({ digest: manifestDigest }, bytes);
  return manifestDigest;
}
