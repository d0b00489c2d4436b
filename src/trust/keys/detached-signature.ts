import { constants, sign, verify } from "node:crypto";
import { ed25519ph } from "@noble/curves/ed25519.js";
import type { PrivateKey } from "./private-key.ts";
import type { PublicKey } from "./public-key.ts";

/** An RSA signature of the longest key that is accepted. */
const SIGNATURE_BYTES_MAX = 1024;
/** SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4): 12 bytes, then the key. */
const ED25519_SPKI_PREFIX = 12;

/**
 * The hashes that a kind of key signs with. cosign up to version 2 took SHA-256 for every curve, later versions take the
 * curve's own: either proves that the key signed.
 */
const HASHES = {
  "ecdsa-p256": ["sha256"],
  "ecdsa-p384": ["sha256", "sha384"],
  "ecdsa-p521": ["sha256", "sha512"],
  rsa: ["sha256"],
} as const;

/**
 * True if `signature` was made over `data` by this key, in the form that cosign writes: ECDSA in DER, RSA PKCS #1 v1.5, Ed25519
 * plain or prehashed (cosign's default for what goes to a log). The key alone decides the algorithm, never the signature.
 */
export function isSignedBy(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  if (signature.byteLength === 0 || signature.byteLength > SIGNATURE_BYTES_MAX) return false;
  if (key.kind === "ed25519") {
    if (signature.byteLength !== 64) return false;
    return attempt(() => verify(null, data, key.object, signature)) || isPrehashed(key, data, signature);
  }
  const options = key.kind === "rsa" ? { padding: constants.RSA_PKCS1_PADDING } : { dsaEncoding: "der" as const };
  return HASHES[key.kind].some((hash) => attempt(() => verify(hash, data, { key: key.object, ...options }, signature)));
}

function isPrehashed(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  const spki = key.object.export({ type: "spki", format: "der" });
  return attempt(() => ed25519ph.verify(signature, data, spki.subarray(ED25519_SPKI_PREFIX), { zip215: false }));
}

/** A signature that cannot even be decoded is none. */
function attempt(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

/** Signs as cosign does by default, so that every version of it and podman can verify. */
export function signDetached(key: PrivateKey, data: Uint8Array): Uint8Array {
  if (key.kind === "ed25519") return sign(null, data, key.object);
  const options = key.kind === "rsa" ? { padding: constants.RSA_PKCS1_PADDING } : { dsaEncoding: "der" as const };
  return sign("sha256", data, { key: key.object, ...options });
}
