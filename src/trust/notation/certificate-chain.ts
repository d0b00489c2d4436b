import { GantryError } from "../../errors/gantry-error.ts";
import type { Certificate } from "./certificate.ts";

/** Longer chains are not made by anybody. */
const CHAIN_LENGTH_MAX = 10;

const DIGITAL_SIGNATURE = 0;
const KEY_CERT_SIGN = 5;
/** contentCommitment is the one bit that a signing certificate may have beside digitalSignature. */
const SIGNING_BITS: ReadonlySet<number> = new Set([DIGITAL_SIGNATURE, 1]);

/** Purposes that a certificate which signs code must not have (signature-specification.md, "Leaf Certificates"; OCSP as notation has it). */
const REFUSED_PURPOSES: Readonly<Record<string, string>> = {
  "2.5.29.37.0": "any purpose",
  "1.3.6.1.5.5.7.3.1": "TLS servers",
  "1.3.6.1.5.5.7.3.2": "TLS clients",
  "1.3.6.1.5.5.7.3.4": "mail",
  "1.3.6.1.5.5.7.3.8": "timestamps",
  "1.3.6.1.5.5.7.3.9": "OCSP",
};

/** RSA PKCS #1 and PSS, ECDSA, each with SHA-2: certificates signed over SHA-1 can be forged. */
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.10",
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
]);

function refused({ name }: Certificate, why: string): GantryError {
  return new GantryError("data-loss", `the certificate of ${name} ${why}`);
}

/**
 * Checks a signer's chain by itself (signature-specification.md, "Certificate Requirements"): it goes from the leaf to a
 * self-signed root, each signed by the next, with the extensions that each must have. Neither trust nor time is looked at.
 *
 * @throws `data-loss` saying what is wrong with which certificate.
 */
export function checkCertificateChain(chain: readonly Certificate[]): void {
  const [leaf] = chain;
  if (leaf === undefined) throw new GantryError("data-loss", "it has no certificates");
  if (chain.length > CHAIN_LENGTH_MAX) {
    throw new GantryError("data-loss", `it has ${chain.length} certificates, more than ${CHAIN_LENGTH_MAX}`);
  }
  chain.forEach((certificate, index) => {
    if (!SIGNATURE_ALGORITHMS.has(certificate.signatureAlgorithm)) {
      throw refused(
        certificate,
        `is signed with an algorithm that is not accepted (${certificate.signatureAlgorithm})`,
      );
    }
    checkIssuer(certificate, chain[index + 1], index);
    if (index > 0) checkAuthority(certificate, index - 1);
  });
  checkLeaf(leaf);
}

/** By name and by signature; whether the issuer may do so is checked by itself. */
export function isIssuedBy(subject: Certificate, issuer: Certificate): boolean {
  if (!subject.issuerBytes.equals(issuer.subjectBytes)) return false;
  try {
    return subject.x509.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

function checkIssuer(certificate: Certificate, next: Certificate | undefined, index: number): void {
  const isSelfSigned = isIssuedBy(certificate, certificate);
  if (next === undefined) {
    if (!isSelfSigned) throw refused(certificate, "ends the chain and is no self-signed root");
    return;
  }
  if (isSelfSigned) throw refused(certificate, `is self-signed, and stands ${index === 0 ? "first" : "in the middle"}`);
  if (!isIssuedBy(certificate, next))
    throw refused(certificate, `was not signed by ${next.name}, the next in the chain`);
}

/** @param below how many authorities stand between this one and the leaf. */
function checkAuthority(certificate: Certificate, below: number): void {
  const { basicConstraints, keyUsage } = certificate;
  if (basicConstraints?.isAuthority !== true) throw refused(certificate, "is that of no authority (basicConstraints)");
  if (!basicConstraints.isCritical) throw refused(certificate, "has basicConstraints that are not critical");
  if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < below) {
    throw refused(certificate, `allows ${basicConstraints.pathLength} authorities below it, and there are ${below}`);
  }
  if (keyUsage?.isCritical !== true) throw refused(certificate, "has no critical keyUsage");
  if (!keyUsage.bits.has(KEY_CERT_SIGN)) throw refused(certificate, "may not sign certificates (keyUsage)");
}

function checkLeaf(certificate: Certificate): void {
  const { basicConstraints, keyUsage, extendedKeyUsages } = certificate;
  if (basicConstraints?.isAuthority === true) throw refused(certificate, "is an authority's, which signs no images");
  if (keyUsage?.isCritical !== true) throw refused(certificate, "has no critical keyUsage");
  if (!keyUsage.bits.has(DIGITAL_SIGNATURE)) throw refused(certificate, "is not for digital signatures (keyUsage)");
  if ([...keyUsage.bits].some((bit) => !SIGNING_BITS.has(bit))) {
    throw refused(certificate, "is for more than digital signatures (keyUsage)");
  }
  for (const usage of extendedKeyUsages) {
    const purpose = REFUSED_PURPOSES[usage];
    if (purpose !== undefined) throw refused(certificate, `is one for ${purpose} (extendedKeyUsage)`);
  }
}

/** Why a chain is not valid at a time; `undefined` if all of it is. */
export function validityProblem(chain: readonly Certificate[], atMs: number): string | undefined {
  for (const { name, notBeforeMs, notAfterMs } of chain) {
    if (!(atMs >= notBeforeMs)) return `the certificate of ${name} is not valid before ${formatTime(notBeforeMs)}`;
    if (!(atMs <= notAfterMs)) return `the certificate of ${name} has expired, ${formatTime(notAfterMs)}`;
  }
  return undefined;
}

/** A moment in RFC 3339, in whole seconds. */
export function formatTime(atMs: number): string {
  return Number.isFinite(atMs) ? new Date(atMs).toISOString().replace(/\.\d{3}Z$/, "Z") : "never";
}
