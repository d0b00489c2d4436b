import { scrypt } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { GantryError } from "../../errors/gantry-error.ts";
import { isObject, type JsonObject } from "../json.ts";

/** What a file may ask of scrypt: cosign writes N = 65536, a file that asks for gigabytes is no key. */
const SCRYPT_COST_MAX = 2 ** 20;
const SCRYPT_MEMORY_MAX = 2 ** 31;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;

interface Encrypted {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
  readonly salt: Buffer;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
}

/**
 * Decrypts a private key as cosign keeps it (secure-systems-lab/go-securesystemslib, `encrypted`): JSON in PEM, a key derived by
 * scrypt, and NaCl's secretbox.
 *
 * @returns the key in PKCS #8 DER.
 * @throws `permission-denied` if the password is wrong, `invalid-argument` for what is no such file.
 */
export async function decryptSigstoreKey(pem: string, password: string, what: string): Promise<Buffer> {
  const { cost, blockSize, parallelization, salt, nonce, ciphertext } = parse(pem, what);
  const options = { N: cost, r: blockSize, p: parallelization, maxmem: SCRYPT_MEMORY_MAX };
  const key = await new Promise<Buffer>((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, options, (error, derived) => (error ? reject(error) : resolve(derived)));
  });
  try {
    return Buffer.from(xsalsa20poly1305(key, nonce).decrypt(ciphertext));
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

function parse(pem: string, what: string): Encrypted {
  const body = /-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END/.exec(pem)?.[1] ?? "";
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(body, "base64").toString("utf8"));
  } catch (cause) {
    throw damaged(what, "its content is not JSON", cause);
  }
  const root = isObject(document) ? document : {};
  const [kdf, cipher] = [object(root.kdf), object(root.cipher)];
  const parameters = object(kdf.params);
  if (kdf.name !== "scrypt") throw damaged(what, `its key derivation is ${JSON.stringify(kdf.name)}, not scrypt`);
  if (cipher.name !== "nacl/secretbox") throw damaged(what, `its cipher is ${JSON.stringify(cipher.name)}`);
  const [cost, blockSize, parallelization] = [parameters.N, parameters.r, parameters.p].map(Number);
  const encrypted = {
    cost: cost ?? 0,
    blockSize: blockSize ?? 0,
    parallelization: parallelization ?? 0,
    salt: bytes(kdf.salt),
    nonce: bytes(cipher.nonce),
    ciphertext: bytes(root.ciphertext),
  };
  if (!isCost(encrypted)) throw damaged(what, "its parameters of scrypt are not those of a key file");
  if (encrypted.nonce.length !== NONCE_BYTES) throw damaged(what, `its nonce has not ${NONCE_BYTES} bytes`);
  return encrypted;
}

function isCost({ cost, blockSize, parallelization }: Encrypted): boolean {
  const isPower = Number.isInteger(cost) && cost > 1 && cost <= SCRYPT_COST_MAX && (cost & (cost - 1)) === 0;
  return isPower && blockSize === 8 && parallelization === 1;
}

function object(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function bytes(value: unknown): Buffer {
  return Buffer.from(typeof value === "string" ? value : "", "base64");
}

function damaged(what: string, why: string, cause?: unknown): GantryError {
  return new GantryError("invalid-argument", `cannot read the private key ${what}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
  });
}
