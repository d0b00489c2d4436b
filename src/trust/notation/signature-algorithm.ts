import { constants, type KeyObject, sign, verify } from "node:crypto";
import { GantryError } from "../../errors/gantry-error.ts";

/** The algorithms of JWS that notation allows (signature-envelope-jws.md), each the only one for its kind of key. */
export type JwsAlgorithm = "PS256" | "PS384" | "PS512" | "ES256" | "ES384" | "ES512";

const BY_CURVE: Readonly<Record<string, JwsAlgorithm>> = {
  prime256v1: "ES256",
  "P-256": "ES256",
  secp384r1: "ES384",
  "P-384": "ES384",
  secp521r1: "ES512",
  "P-521": "ES512",
};
const BY_MODULUS: Readonly<Record<number, JwsAlgorithm>> = { 2048: "PS256", 3072: "PS384", 4096: "PS512" };

/**
 * The algorithm that a key signs with: the key decides, and what an envelope says must be the same (signature-specification.md,
 * "Algorithm Selection").
 *
 * @throws `unsupported` for keys of other kinds and sizes.
 */
export function algorithmOf(key: KeyObject, what: string): JwsAlgorithm {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ec" && BY_CURVE[namedCurve] !== undefined) return BY_CURVE[namedCurve];
  if (key.asymmetricKeyType === "rsa" && BY_MODULUS[modulusLength] !== undefined) return BY_MODULUS[modulusLength];
  throw new GantryError("unsupported", `${what} has a key that notation does not sign with`, {
    hint: "RSA of 2048, 3072 or 4096 bits, or ECDSA on P-256, P-384 or P-521 is needed",
  });
}

function parameters(algorithm: JwsAlgorithm) {
  const bits = algorithm.slice(2);
  return {
    hash: `sha${bits}`,
    options: algorithm.startsWith("PS")
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(bits) / 8 }
      : { dsaEncoding: "ieee-p1363" as const },
  };
}

/** True if `signature` is that of `data`; what cannot even be decoded is none. */
export function isJwsSignature(
  { key, algorithm }: { readonly key: KeyObject; readonly algorithm: JwsAlgorithm },
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { hash, options } = parameters(algorithm);
  try {
    return verify(hash, data, { key, ...options }, signature);
  } catch {
    return false;
  }
}

export function signJws(key: KeyObject, algorithm: JwsAlgorithm, data: Uint8Array): Buffer {
  const { hash, options } = parameters(algorithm);
  return sign(hash, data, { key, ...options });
}
