import { createPrivateKey, X509Certificate } from "node:crypto";
import { GantryError, isGantryError } from "../../../errors/gantry-error.ts";
import type { ServerTls } from "../../../platform/http/server-tls.ts";
import { fileStamp, readTextFile } from "../../../platform/text-file.ts";

/** Where a server's certificate is. */
export interface TlsFiles {
  /** PEM: the server's certificate, and those between it and its authority. */
  readonly certificate: string;
  readonly key: string;
  /** The authority of clients' certificates. @default clients are not asked for any */
  readonly clientAuthority?: string;
}

/**
 * Reads them, and sees that they belong together.
 *
 * @throws `invalid-argument` naming the file
 */
export function readTlsFiles(files: TlsFiles): ServerTls {
  const cert = read(files.certificate, "certificate");
  const key = read(files.key, "key");
  const leaf = parse(files.certificate, "certificate", () => new X509Certificate(cert));
  const privateKey = parse(files.key, "private key", () => createPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new GantryError(
      "invalid-argument",
      `the key in ${files.key} is not that of the certificate in ${files.certificate}`,
    );
  }
  if (files.clientAuthority === undefined) return { cert, key };
  const clientAuthority = read(files.clientAuthority, "client-authority");
  parse(files.clientAuthority, "certificate", () => new X509Certificate(clientAuthority));
  return { cert, key, clientAuthority };
}

/** Why clients refuse a certificate at this moment, for its time; undefined if that is right. */
export function findLapse({ cert }: Pick<ServerTls, "cert">, nowMs: number): string | undefined {
  const { validFrom, validTo } = new X509Certificate(cert);
  if (nowMs > Date.parse(validTo)) return `is over since ${validTo}`;
  if (nowMs < Date.parse(validFrom)) return `begins at ${validFrom} only`;
  return undefined;
}

/** Changes when one of the files does. */
export function stampOfTlsFiles({ certificate, key, clientAuthority }: TlsFiles): string {
  return [certificate, key, ...(clientAuthority === undefined ? [] : [clientAuthority])].map(fileStamp).join(",");
}

function read(path: string, key: "certificate" | "key" | "client-authority"): string {
  try {
    return readTextFile(path);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    throw new GantryError(error.code, error.message, {
      hint: `registry.toml names it as the ${key} of [tls]: the user that the registry runs as has to be able to read it`,
      cause: error.cause,
    });
  }
}

function parse<T>(path: string, what: "certificate" | "private key", work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new GantryError("invalid-argument", `${path} holds no ${what} that can be used`, {
      hint: what === "certificate" ? "it is to be PEM" : "it is to be PEM, without a passphrase",
      cause,
    });
  }
}
