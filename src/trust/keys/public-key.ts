import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";

/** What a key is, of those that sign images. */
export type KeyKind = "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "rsa" | "ed25519";

/** A key whose signatures can be verified. */
export interface PublicKey {
  readonly kind: KeyKind;
  readonly object: KeyObject;
  /** SHA-256 of its SubjectPublicKeyInfo: two keys are the same exactly if this is. */
  readonly fingerprint: Digest;
}

/** The longest text that is looked at: an RSA key of 16384 bits takes 3 kB. */
const PEM_CHARACTERS_MAX = 64 * 1024;
/** As cosign (goodkey): shorter ones can be broken. */
const RSA_BITS_MIN = 2048;
/** A longer one only costs time: each signature would take a tenth of a second. */
const RSA_BITS_MAX = 8192;

const CURVES: Readonly<Record<string, KeyKind>> = {
  prime256v1: "ecdsa-p256",
  "P-256": "ecdsa-p256",
  secp384r1: "ecdsa-p384",
  "P-384": "ecdsa-p384",
  secp521r1: "ecdsa-p521",
  "P-521": "ecdsa-p521",
};

function invalid(what: string, why: string, cause?: unknown): GantryError {
  return new GantryError("invalid-argument", `cannot use ${what} as a key: ${why}`, {
    hint: "an ECDSA (P-256, P-384, P-521), RSA or Ed25519 key in PEM is needed",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The kind of a key. @throws `invalid-argument` for a kind or a length that is not accepted. */
export function keyKind(key: KeyObject, what: string): KeyKind {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ec": {
      const kind = CURVES[namedCurve ?? ""];
      if (kind === undefined) throw invalid(what, `its curve is ${namedCurve ?? "not named"}`);
      return kind;
    }
    case "rsa":
      if (modulusLength < RSA_BITS_MIN || modulusLength > RSA_BITS_MAX) {
        throw invalid(what, `an RSA key of ${modulusLength} bits is not between ${RSA_BITS_MIN} and ${RSA_BITS_MAX}`);
      }
      return "rsa";
    case "ed25519":
      return "ed25519";
    default:
      throw invalid(what, `its kind is ${key.asymmetricKeyType ?? "not known"}`);
  }
}

/** Takes a key object as a public key, its private part (where it has one) left behind. */
export function publicKeyOf(object: KeyObject, what: string): PublicKey {
  const key = object.type === "private" ? createPublicKey(object.export({ type: "pkcs8", format: "pem" })) : object;
  const kind = keyKind(key, what);
  const spki = key.export({ type: "spki", format: "der" });
  return { kind, object: key, fingerprint: `sha256:${createHash("sha256").update(spki).digest("hex")}` as Digest };
}

/**
 * Reads a public key in PEM (`PUBLIC KEY`, as cosign writes it, or `RSA PUBLIC KEY`). A private key or a certificate is refused:
 * one is no thing to trust by, the other has rules of its own.
 *
 * @param what how messages name it: a file's path.
 */
export function parsePublicKey(pem: string, what: string): PublicKey {
  if (pem.length > PEM_CHARACTERS_MAX) throw invalid(what, `it is longer than ${PEM_CHARACTERS_MAX} characters`);
  const labels = [...pem.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----\s*$/gm)].map(([, label = ""]) => label);
  const [label] = labels;
  if (label === undefined) throw invalid(what, "it is not PEM");
  if (labels.length > 1) throw invalid(what, `it holds ${labels.length} PEM blocks, and one is wanted`);
  if (label !== "PUBLIC KEY" && label !== "RSA PUBLIC KEY") throw invalid(what, `it holds a ${label.toLowerCase()}`);
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw invalid(what, "it cannot be decoded", cause);
  }
  return publicKeyOf(key, what);
}
