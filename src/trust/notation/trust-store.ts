import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { formatError, GantryError } from "../../errors/gantry-error.ts";
import { fileReason } from "../../platform/file-reason.ts";
import { readRegularBytes } from "../../platform/text-file.ts";
import { decodeBase64 } from "../json.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { isIssuedBy } from "./certificate-chain.ts";

const EXTENSIONS = [".pem", ".crt", ".cer"];
const FILE_BYTES_MAX = 1024 * 1024;
const FILES_MAX = 1000;

function invalid(path: string, why: string, cause?: unknown): GantryError {
  return new GantryError("invalid-argument", `cannot use the certificates in ${path}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
  });
}

function unreadable(path: string, error: unknown): GantryError {
  return invalid(path, fileReason(error) ?? formatError(error));
}

/**
 * Reads a named trust store of notation (trust-store-trust-policy.md, "Trust Store"): a folder of certificates in PEM or DER, its
 * subfolders left out, or one such file. Symbolic links are refused, and certificates that are neither an authority's nor
 * self-signed.
 *
 * @throws `invalid-argument` naming the file. An empty store is an error: nothing could ever be trusted by it.
 */
export function readTrustStore(path: string): readonly Certificate[] {
  const certificates = listFiles(path).flatMap((file) => readCertificates(file));
  if (certificates.length === 0) throw invalid(path, "it holds no certificate");
  return certificates;
}

function listFiles(path: string): readonly string[] {
  const stat = statOf(path);
  if (stat.isSymbolicLink()) throw invalid(path, "it is a symbolic link");
  if (!stat.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => EXTENSIONS.includes(extname(name).toLowerCase()));
  if (names.length > FILES_MAX) throw invalid(path, `it holds ${names.length} files, more than ${FILES_MAX}`);
  return names.toSorted().flatMap((name) => {
    const file = join(path, name);
    const entry = statOf(file);
    if (entry.isSymbolicLink()) throw invalid(file, "it is a symbolic link");
    return entry.isFile() ? [file] : [];
  });
}

function statOf(path: string) {
  try {
    return lstatSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** The certificates of a file, in its order. @throws `invalid-argument` naming the file. */
export function readCertificateFile(path: string): readonly Certificate[] {
  return readWith(readFileSync, path);
}

function readWith(read: (path: string) => Buffer, path: string): readonly Certificate[] {
  const { size } = statOf(path);
  if (size > FILE_BYTES_MAX) throw invalid(path, `it is larger than ${FILE_BYTES_MAX} bytes`);
  let bytes: Buffer;
  try {
    bytes = read(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  try {
    return splitCertificates(bytes).map((der, index) => parseCertificate(der, `certificate ${index + 1}`));
  } catch (cause) {
    throw invalid(path, "it holds what is no certificate", cause);
  }
}

function readCertificates(path: string): readonly Certificate[] {
  const certificates = readWith(readRegularBytes, path);
  for (const certificate of certificates) {
    if (certificate.basicConstraints?.isAuthority === true || isIssuedBy(certificate, certificate)) continue;
    throw invalid(path, `the certificate of ${certificate.name} is neither an authority's nor self-signed`);
  }
  return certificates;
}

function splitCertificates(bytes: Buffer): readonly Buffer[] {
  const text = bytes.toString("latin1");
  if (!text.includes("-----BEGIN ")) return [bytes];
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)];
  return blocks.map(([, label, body = ""]) => {
    const der = label === "CERTIFICATE" ? decodeBase64(body.replace(/\s+/g, "")) : undefined;
    if (der === undefined) throw new GantryError("data-loss", `it holds a ${String(label).toLowerCase()}`);
    return der;
  });
}
