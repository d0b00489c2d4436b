import { createPrivateKey, type KeyObject } from "node:crypto";
import { GantryError } from "../../errors/gantry-error.ts";
import { decryptSigstoreKey } from "./encrypted-key.ts";
import { type KeyKind, keyKind, type PublicKey, publicKeyOf } from "./public-key.ts";

/** A key that signs. */
export interface PrivateKey {
  readonly kind: KeyKind;
  readonly object: KeyObject;
  readonly public: PublicKey;
}

export interface ParsePrivateKeyOptions {
  /** Asked only if the key is encrypted. @default none: an encrypted key is refused */
  readonly password?: () => Promise<string>;
}

const PEM_CHARACTERS_MAX = 64 * 1024;
const SIGSTORE_LABELS = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];
const PLAIN_LABELS = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
const PKCS8_ENCRYPTED_LABEL = "ENCRYPTED PRIVATE KEY";

function invalid(what: string, why: string, cause?: unknown): GantryError {
  return new GantryError("invalid-argument", `cannot sign with ${what}: ${why}`, {
    hint: "a private key of `cosign generate-key-pair`, or one in PKCS #8 PEM, is needed",
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Reads a private key in PEM: cosign's own encrypted form, PKCS #8 plain or encrypted, and the older forms of ECDSA and RSA.
 *
 * @param what how messages name it: a file's path.
 * @throws `invalid-argument`, `permission-denied` for a wrong password.
 */
export async function parsePrivateKey(
  pem: string,
  what: string,
  options: ParsePrivateKeyOptions = {},
): Promise<PrivateKey> {
  if (pem.length > PEM_CHARACTERS_MAX) throw invalid(what, `it is longer than ${PEM_CHARACTERS_MAX} characters`);
  const label = /^-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----\s*$/m.exec(pem)?.[1];
  if (label === undefined) throw invalid(what, "it holds no private key in PEM");
  const object = await open(pem, label, what, options);
  return { kind: keyKind(object, what), object, public: publicKeyOf(object, what) };
}

async function open(pem: string, label: string, what: string, options: ParsePrivateKeyOptions): Promise<KeyObject> {
  if (PLAIN_LABELS.includes(label)) return decode(() => createPrivateKey(pem), what);
  const isSigstore = SIGSTORE_LABELS.includes(label);
  if (!isSigstore && label !== PKCS8_ENCRYPTED_LABEL) throw invalid(what, `it holds a ${label.toLowerCase()}`);
  if (options.password === undefined) throw invalid(what, "it is encrypted, and no password was given");
  const password = await options.password();
  if (isSigstore) {
    const key = await decryptSigstoreKey(pem, password, what);
    return decode(() => createPrivateKey({ key, format: "der", type: "pkcs8" }), what);
  }
  try {
    return createPrivateKey({ key: pem, passphrase: password });
  } catch (cause) {
    throw new GantryError(
      "permission-denied",
      `cannot decrypt ${what}: the password is wrong, or the file is damaged`,
      {
        cause,
      },
    );
  }
}

function decode(read: () => KeyObject, what: string): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw invalid(what, "it cannot be decoded", cause);
  }
}
