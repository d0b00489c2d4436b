import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, randomBytes, scryptSync } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { testKeyPem, testPem } from "../../../test/support/test-certificates.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { isSignedBy, signDetached } from "./detached-signature.ts";
import { parsePrivateKey } from "./private-key.ts";
import { parsePublicKey } from "./public-key.ts";

const data = Buffer.from("payload");
const pems = {
  "ecdsa-p256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "ecdsa-p384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
  "ecdsa-p521": generateKeyPairSync("ec", { namedCurve: "P-521" }),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ed25519: generateKeyPairSync("ed25519"),
};

function publicPem(kind: keyof typeof pems): string {
  return String(pems[kind].publicKey.export({ type: "spki", format: "pem" }));
}

function privatePem(kind: keyof typeof pems): string {
  return String(pems[kind].privateKey.export({ type: "pkcs8", format: "pem" }));
}

async function problemOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "";
  } catch (error) {
    return formatError(error);
  }
}

describe("keys", () => {
  for (const kind of Object.keys(pems) as (keyof typeof pems)[]) {
    test(`${kind} signs, and no other key is taken for it`, async () => {
      const key = parsePublicKey(publicPem(kind), "key");
      const signer = await parsePrivateKey(privatePem(kind), "key");
      const signature = signDetached(signer, data);
      expect({ kind: key.kind, fingerprint: key.fingerprint }).toEqual({
        kind,
        fingerprint: signer.public.fingerprint,
      });
      expect(isSignedBy(key, data, signature)).toBe(true);
      expect(isSignedBy(key, Buffer.from("payload!"), signature)).toBe(false);
      for (const other of Object.keys(pems) as (keyof typeof pems)[]) {
        if (other !== kind) expect(isSignedBy(parsePublicKey(publicPem(other), "key"), data, signature)).toBe(false);
      }
    });
  }

  test("junk is no signature of any key", () => {
    for (const kind of Object.keys(pems) as (keyof typeof pems)[]) {
      const key = parsePublicKey(publicPem(kind), "key");
      for (const size of [0, 1, 64, 72, 256, 2000]) expect(isSignedBy(key, data, Buffer.alloc(size))).toBe(false);
    }
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ["no PEM", "ssh-ed25519 AAAA", "it is not PEM"],
    ["a certificate", testPem("leaf"), "it holds a certificate"],
    ["a private key", testKeyPem("leaf"), "it holds a private key"],
    ["two keys", publicPem("rsa") + publicPem("ed25519"), "it holds 2 PEM blocks"],
    ["damage", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "it cannot be decoded"],
    [
      "a short RSA key",
      String(generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ type: "spki", format: "pem" })),
      "an RSA key of 1024 bits is not between 2048 and 8192",
    ],
    [
      "another curve",
      String(generateKeyPairSync("ec", { namedCurve: "P-224" }).publicKey.export({ type: "spki", format: "pem" })),
      "its curve is",
    ],
    ["megabytes", "x".repeat(1e6), "it is longer than 65536 characters"],
  ];
  for (const [what, pem, sentence] of refused) {
    test(`${what} is no public key`, async () => {
      expect(await problemOf(() => parsePublicKey(pem, "/k.pub"))).toContain(`cannot use /k.pub as a key: ${sentence}`);
    });
  }
});

function encrypt(password: string, change: Readonly<Record<string, unknown>> = {}): string {
  const [salt, nonce] = [randomBytes(32), randomBytes(24)];
  const key = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  const der = pems["ecdsa-p256"].privateKey.export({ type: "pkcs8", format: "der" });
  const document = {
    kdf: { name: "scrypt", params: { N: 1024, r: 8, p: 1 }, salt: salt.toString("base64") },
    cipher: { name: "nacl/secretbox", nonce: nonce.toString("base64") },
    ciphertext: Buffer.from(xsalsa20poly1305(key, nonce).encrypt(der)).toString("base64"),
    ...change,
  };
  const body = Buffer.from(JSON.stringify(document)).toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${body}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n`;
}

describe("parsePrivateKey", () => {
  const password = async () => "secret";

  test("opens a key of cosign's form, and PKCS #8 with a password", async () => {
    const fingerprint = parsePublicKey(publicPem("ecdsa-p256"), "key").fingerprint;
    expect((await parsePrivateKey(encrypt("secret"), "key", { password })).public.fingerprint).toBe(fingerprint);
    const pkcs8 = pems["ecdsa-p256"].privateKey.export({
      type: "pkcs8",
      format: "pem",
      cipher: "aes-256-cbc",
      passphrase: "secret",
    });
    expect((await parsePrivateKey(String(pkcs8), "key", { password })).public.fingerprint).toBe(fingerprint);
  });

  test("does not ask for a password that is not needed", async () => {
    const never = () => Promise.reject(new Error("asked"));
    expect((await parsePrivateKey(privatePem("rsa"), "key", { password: never })).kind).toBe("rsa");
  });

  test("a wrong password is told as one", async () => {
    const wrong = async () => "wrong";
    expect(await problemOf(() => parsePrivateKey(encrypt("secret"), "/k", { password: wrong }))).toContain(
      "cannot decrypt /k: the password is wrong, or the file is damaged",
    );
    expect(await problemOf(() => parsePrivateKey(encrypt("secret"), "/k"))).toContain(
      "it is encrypted, and no password was given",
    );
  });

  const scrypt = (params: Readonly<Record<string, unknown>>) => ({ kdf: { name: "scrypt", params, salt: "AAAA" } });
  const hostile: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
    ["asks for gigabytes of memory", scrypt({ N: 2 ** 30, r: 8, p: 1 }), "its parameters of scrypt"],
    ["asks for hours of work", scrypt({ N: 1024, r: 8, p: 1e6 }), "its parameters of scrypt"],
    ["has no parameters", scrypt({}), "its parameters of scrypt"],
    ["has another derivation", { kdf: { name: "md5" } }, 'its key derivation is "md5", not scrypt'],
    ["has another cipher", { cipher: { name: "rot13" } }, 'its cipher is "rot13"'],
    ["has a short nonce", { cipher: { name: "nacl/secretbox", nonce: "AAAA" } }, "its nonce has not 24 bytes"],
  ];
  for (const [what, change, sentence] of hostile) {
    test(`refuses a file that ${what}`, async () => {
      expect(await problemOf(() => parsePrivateKey(encrypt("secret", change), "/k", { password }))).toContain(sentence);
    });
  }

  test("refuses what holds no private key", async () => {
    for (const pem of ["", publicPem("rsa"), testPem("leaf")]) {
      expect(await problemOf(() => parsePrivateKey(pem, "/k"))).toContain("it holds no private key in PEM");
    }
  });
});
