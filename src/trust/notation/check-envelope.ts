import { GantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { TrustStoreType } from "../policy/trust-policy.ts";
import type { Certificate } from "./certificate.ts";
import { checkCertificateChain, formatTime, validityProblem } from "./certificate-chain.ts";
import { openCoseEnvelope } from "./cose-envelope.ts";
import { type DistinguishedName, formatName, isSubsetOf } from "./distinguished-name.ts";
import type { Envelope } from "./envelope.ts";
import { openJwsEnvelope } from "./jws-envelope.ts";
import { NOTATION } from "./media-types.ts";
import { parseNotaryPayload } from "./notary-payload.ts";

/** Whose certificates are trusted. */
export interface TrustedCertificates {
  readonly store: TrustStoreType;
  readonly trusted: readonly Certificate[];
  /** `undefined`: anybody whom these certified. */
  readonly identities: readonly DistinguishedName[] | undefined;
}

export interface CheckedEnvelope {
  readonly signer: { readonly fingerprint: ReturnType<typeof digestOf>; readonly name: string };
  readonly annotations: Readonly<Record<string, string>>;
  readonly signedMs: number;
  /** Why it does not count for these; `undefined` if it does. */
  problemFor(trusted: TrustedCertificates): string | undefined;
}

/**
 * Verifies an envelope of notation as its specification has it at level `strict`, revocation left out: integrity and what it is
 * about here, authenticity in `problemFor`.
 *
 * @throws `data-loss`, `unsupported` if it is none, or not of this image, or not valid now.
 */
export function checkEnvelope(
  { mediaType, bytes }: { readonly mediaType: string; readonly bytes: Uint8Array },
  subject: Descriptor,
  nowMs: number,
): CheckedEnvelope {
  const envelope = mediaType === NOTATION.cose ? openCoseEnvelope(bytes) : openJwsEnvelope(bytes);
  checkCertificateChain(envelope.chain);
  const { annotations, ...target } = parseNotaryPayload(envelope.payload);
  const isSame =
    target.digest === subject.digest && target.size === subject.size && target.mediaType === subject.mediaType;
  if (!isSame) {
    const made = `${target.digest} (${target.mediaType.slice(0, 100)}, ${target.size} bytes)`;
    throw new GantryError("data-loss", `it was made for ${made}, not for this image`);
  }
  if (envelope.expiryMs !== undefined && nowMs >= envelope.expiryMs) {
    throw new GantryError("data-loss", `its signer let it expire, ${formatTime(envelope.expiryMs)}`);
  }
  const atMs = envelope.scheme === "notary.x509" ? nowMs : envelope.signedMs;
  const problem = validityProblem(envelope.chain, atMs);
  if (problem !== undefined) throw new GantryError("data-loss", problem);
  const [leaf] = envelope.chain;
  if (leaf === undefined) throw new GantryError("data-loss", "it has no certificates");
  const fingerprint = digestOf(leaf.publicKey.export({ type: "spki", format: "der" }));
  return {
    signer: { fingerprint, name: leaf.name },
    annotations,
    signedMs: envelope.signedMs,
    problemFor: (trusted) => trustProblem(envelope, leaf, trusted),
  };
}

function trustProblem(
  { chain, scheme }: Envelope,
  leaf: Certificate,
  { store, trusted, identities }: TrustedCertificates,
): string | undefined {
  // A store holds for its own scheme alone: an authority that vouches for times is not one that certifies everybody.
  const wanted = scheme === "notary.x509" ? "ca" : "signingAuthority";
  if (store !== wanted) return `its scheme is ${scheme}, and the trust store is for the other`;
  const isRooted = chain.some(({ der }) => trusted.some((root) => root.der.equals(der)));
  if (!isRooted) return "its certificates lead to none in the trust store";
  if (identities === undefined) return undefined;
  const { subject } = leaf;
  if (subject === undefined) return "its certificate's subject has an attribute twice";
  if (identities.some((identity) => isSubsetOf(identity, subject))) return undefined;
  return `its signer is none of ${identities.map(formatName).join(" | ")}`;
}
