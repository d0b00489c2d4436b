import { isGantryError } from "../../errors/gantry-error.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { COSIGN, SIGSTORE_BUNDLE } from "../cosign/media-types.ts";
import { formatSigstoreBundle, formatStatement, parseSigstoreBundle } from "../cosign/sigstore-bundle.ts";
import { findSignatures } from "../find-signatures.ts";
import type { FoundSignature } from "../found-signature.ts";
import { isSignedBy, signDetached } from "../keys/detached-signature.ts";
import type { PrivateKey } from "../keys/private-key.ts";
import { formatTime } from "../notation/certificate-chain.ts";
import type { ImageToSign } from "./sign-cosign.ts";
import { pushed, putReferrer, type SignatureStore, type SignOutcome } from "./signature-store.ts";

/**
 * Signs in the form that cosign makes since version 3: a bundle that refers to the image. It names the digest alone, and no
 * transparency log knows of it (`cosign verify --insecure-ignore-tlog`).
 */
export async function signBundle(
  store: SignatureStore,
  { subject, annotations }: ImageToSign,
  { key, nowMs }: { readonly key: PrivateKey; readonly nowMs: number },
): Promise<SignOutcome> {
  const { payload, signed } = formatStatement(subject.digest, annotations);
  const known = (await findSignatures(store, subject)).find((found) => isMadeBy(found, signed, key));
  if (known !== undefined) return { status: "already-signed", manifest: known.manifest };
  const hint = Buffer.from(key.public.fingerprint.slice("sha256:".length), "hex").toString("base64");
  const bundle = formatSigstoreBundle(payload, signDetached(key, signed), hint);
  const manifest = await putReferrer(store, {
    subject,
    layer: await pushed(store, bundle, SIGSTORE_BUNDLE),
    configType: MEDIA_TYPES.ociEmpty,
    artifactType: SIGSTORE_BUNDLE,
    annotations: {
      "org.opencontainers.image.created": formatTime(nowMs),
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": COSIGN.predicateType,
    },
  });
  return { status: "signed", manifest };
}

function isMadeBy({ content }: FoundSignature, signed: Uint8Array, key: PrivateKey): boolean {
  if (content.kind !== "cosign-bundle") return false;
  try {
    const bundle = parseSigstoreBundle(content.bundle);
    return Buffer.from(bundle.signed).equals(signed) && isSignedBy(key.public, signed, bundle.signature);
  } catch (error) {
    if (isGantryError(error)) return false;
    throw error;
  }
}
