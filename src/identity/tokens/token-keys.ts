import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { diskError } from "../../errors/disk-error.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { replaceFile } from "../replace-file.ts";

export const TOKEN_ALGORITHM = "EdDSA";

const ROTATED_AFTER_MS = 30 * 86_400_000;

interface StoredKey {
  readonly id: string;
  readonly createdMs: number;
  /** With its private part. */
  readonly jwk: JWK;
}

/** A key that tokens are signed with, and verified by its id. */
export interface TokenKey {
  readonly id: string;
  readonly createdMs: number;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

async function importKey({ id, createdMs, jwk }: StoredKey): Promise<TokenKey> {
  const { d: _, ...publicJwk } = jwk;
  const [privateKey, publicKey] = await Promise.all([
    importJWK(jwk, TOKEN_ALGORITHM),
    importJWK(publicJwk, TOKEN_ALGORITHM),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) throw new TypeError("not an Ed25519 key");
  return { id, createdMs, privateKey, publicKey };
}

function readStored(path: string): readonly StoredKey[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  const { keys } = JSON.parse(text) as { readonly keys: readonly StoredKey[] };
  return keys.map(({ id, createdMs, jwk }) => ({ id: String(id), createdMs: Number(createdMs), jwk }));
}

/** The Ed25519 keys of a registry's tokens, in a file that only its owner reads. A new one signs every 30 days. */
export class TokenKeys {
  readonly #path: string;
  readonly #now: () => number;
  #stored: readonly StoredKey[];
  #keys: readonly TokenKey[];
  #rotation: Promise<TokenKey> | undefined;

  private constructor(
    path: string,
    options: { now: () => number; stored: readonly StoredKey[]; keys: readonly TokenKey[] },
  ) {
    this.#path = path;
    this.#now = options.now;
    this.#stored = options.stored;
    this.#keys = options.keys;
  }

  /** @throws `data-loss` if the file is damaged. */
  static async open(path: string, now: () => number): Promise<TokenKeys> {
    try {
      const stored = readStored(path);
      if (stored.length > 0) chmodSync(path, 0o600);
      return new TokenKeys(path, { now, stored, keys: await Promise.all(stored.map(importKey)) });
    } catch (cause) {
      throw new GantryError("data-loss", `cannot read the keys of tokens in ${path}`, {
        hint: "remove that file: a new key is made, and clients get new tokens by themselves",
        cause,
      });
    }
  }

  find(id: string): TokenKey | undefined {
    return this.#keys.find((key) => key.id === id);
  }

  /**
   * The key to sign with, made if there is none or it is too old. One that is too old goes on where a new one cannot be written: a full disk
   * locks nobody out.
   *
   * @throws `exhausted`, `unavailable` if there is none, and none can be written
   */
  async current(): Promise<TokenKey> {
    const latest = this.#keys.at(-1);
    if (latest !== undefined && this.#now() - latest.createdMs < ROTATED_AFTER_MS) return latest;
    this.#rotation ??= this.#rotate().finally(() => {
      this.#rotation = undefined;
    });
    try {
      return await this.#rotation;
    } catch (cause) {
      if (latest !== undefined) return latest;
      throw diskError(`cannot write ${this.#path}`, cause);
    }
  }

  async #rotate(): Promise<TokenKey> {
    const pair = await generateKeyPair(TOKEN_ALGORITHM, { crv: "Ed25519", extractable: true });
    const jwk = await exportJWK(pair.privateKey);
    const fresh: StoredKey = { id: await calculateJwkThumbprint(jwk), createdMs: this.#now(), jwk };
    const before = this.#stored.at(-1);
    // The one before is needed as long as a token of it lives; those before that were replaced long ago.
    const stored = before === undefined ? [fresh] : [before, fresh];
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    replaceFile(this.#path, `${JSON.stringify({ keys: stored })}\n`);
    this.#stored = stored;
    this.#keys = await Promise.all(stored.map(importKey));
    const key = this.#keys.at(-1);
    if (key === undefined) throw new GantryError("internal", "a key of tokens was made and is not there");
    return key;
  }
}
