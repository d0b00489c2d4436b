import { GantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { formatRepository, type Reference } from "../../oci/reference.ts";
import { COSIGN } from "../cosign/media-types.ts";
import { formatSimpleSigning } from "../cosign/simple-signing.ts";
import { SIGNATURES_MAX, type SourceManifest, signatureTag } from "../find-signatures.ts";
import { decodeBase64 } from "../json.ts";
import { isSignedBy, signDetached } from "../keys/detached-signature.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { pushed, type SignatureStore, type SignOutcome } from "./signature-store.ts";

/** What is to be signed. */
export interface ImageToSign {
  readonly reference: Reference;
  /** What the name stands for now. */
  readonly subject: Descriptor;
  readonly annotations: Readonly<Record<string, string>>;
}

/** How often signing begins anew where others sign the same image at the same time. */
const TRIES = 5;

/**
 * Signs in cosign's first form, which cosign (all versions), podman and skopeo verify: one more layer in the manifest under cosign's
 * tag. That tag is read, changed and written; who signs at the same moment may overwrite it, so it is read again afterwards
 * until this signature is in it. Not atomic: no registry writes a tag on a condition, and who has read it before this signature was put
 * may still overwrite it after this returned.
 */
export async function signCosign(store: SignatureStore, image: ImageToSign, key: PrivateKey): Promise<SignOutcome> {
  const { reference, subject, annotations } = image;
  const payload = formatSimpleSigning({ reference: formatRepository(reference), digest: subject.digest, annotations });
  const tag = signatureTag(subject.digest);
  let mine: Descriptor | undefined;
  let status: SignOutcome["status"] = "already-signed";
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const before = await store.manifest({ tag });
    const found = before === undefined ? undefined : signatureBy(before, payload, key);
    if (before !== undefined && found !== undefined) return { status, manifest: before.descriptor.digest };
    status = "signed";
    mine ??= {
      ...(await pushed(store, payload, COSIGN.simpleSigning)),
      annotations: { [COSIGN.signatureAnnotation]: Buffer.from(signDetached(key, payload)).toString("base64") },
    };
    await putSignatures(store, tag, [...(before?.manifest.layers ?? []), mine]);
  }
  throw new GantryError(
    "conflict",
    `cannot sign ${formatRepository(reference)}@${subject.digest}: others sign it at once`,
    {
      hint: "try again",
    },
  );
}

/** The layer that says this and was signed by this key. */
function signatureBy({ manifest }: SourceManifest, payload: Uint8Array, key: PrivateKey): Descriptor | undefined {
  const digest = digestOf(payload);
  return manifest.layers.find((layer) => {
    if (layer.digest !== digest || layer.mediaType !== COSIGN.simpleSigning) return false;
    const signature = decodeBase64(layer.annotations?.[COSIGN.signatureAnnotation]);
    return signature !== undefined && isSignedBy(key.public, payload, signature);
  });
}

async function putSignatures(store: SignatureStore, tag: string, layers: readonly Descriptor[]): Promise<Digest> {
  if (layers.length > SIGNATURES_MAX) {
    throw new GantryError(
      "exhausted",
      `cannot sign: ${tag} holds ${layers.length - 1} signatures, and more are not looked at`,
    );
  }
  // As an image's: registries and tools that know only images keep it, too.
  const imageConfig = {
    architecture: "",
    os: "",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  };
  const config = await pushed(store, new TextEncoder().encode(JSON.stringify(imageConfig)), MEDIA_TYPES.ociConfig);
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  await store.putManifest({ tag }, bytes);
  return digestOf(bytes);
}
