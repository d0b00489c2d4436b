import { createHash } from "node:crypto";
import { isGantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { findSignatures } from "../find-signatures.ts";
import { formatTime } from "../notation/certificate-chain.ts";
import { checkEnvelope } from "../notation/check-envelope.ts";
import { NOTATION } from "../notation/media-types.ts";
import { type JwsSigner, type SignJwsOptions, signJwsEnvelope } from "../notation/sign-jws.ts";
import type { ImageToSign } from "./sign-cosign.ts";
import { pushed, putReferrer, type SignatureStore, type SignOutcome } from "./signature-store.ts";

/**
 * Signs as notation does: a JWS envelope that refers to the image. Its type is the config's, as registries of the image
 * specification 1.0 need it and notation writes it.
 */
export async function signNotation(
  store: SignatureStore,
  { subject, annotations }: ImageToSign,
  { signer, ...options }: Omit<SignJwsOptions, "annotations"> & { readonly signer: JwsSigner },
): Promise<SignOutcome> {
  const envelope = signJwsEnvelope(signer, subject, { ...options, annotations });
  const [leaf] = signer.chain;
  const mine = leaf === undefined ? "" : digestOf(leaf.publicKey.export({ type: "spki", format: "der" }));
  for (const { content, manifest } of await findSignatures(store, subject)) {
    if (content.kind !== "notation") continue;
    try {
      const known = checkEnvelope(content, subject, options.nowMs);
      const isSame = JSON.stringify(known.annotations) === JSON.stringify(annotations);
      if (known.signer.fingerprint === mine && isSame) return { status: "already-signed", manifest };
    } catch (error) {
      if (!isGantryError(error)) throw error;
    }
  }
  const thumbprints = signer.chain.map(({ der }) => createHash("sha256").update(der).digest("hex"));
  const manifest = await putReferrer(store, {
    subject,
    layer: await pushed(store, envelope, NOTATION.jws),
    configType: NOTATION.artifact,
    annotations: {
      [NOTATION.thumbprints]: JSON.stringify(thumbprints),
      "org.opencontainers.image.created": formatTime(options.nowMs),
    },
  });
  return { status: "signed", manifest };
}
