import { type KeyObject, X509Certificate } from "node:crypto";
import { ASN1Obj, X509Certificate as Asn1Certificate } from "@sigstore/core";
import { GantryError } from "../../errors/gantry-error.ts";
import { type DistinguishedName, formatName } from "./distinguished-name.ts";

/** An X.509 certificate, with those of its extensions that notation honours. */
export interface Certificate {
  readonly der: Buffer;
  readonly x509: X509Certificate;
  readonly publicKey: KeyObject;
  /** `undefined` where an attribute is there twice: such a name can be read in two ways. */
  readonly subject: DistinguishedName | undefined;
  /** How people read it. */
  readonly name: string;
  /** The names, as they are encoded: equal exactly if one issued the other by name. */
  readonly subjectBytes: Buffer;
  readonly issuerBytes: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: KeyUsage | undefined;
  /** Object identifiers. */
  readonly extendedKeyUsages: readonly string[];
  /** The algorithm that it was signed with, as an object identifier. */
  readonly signatureAlgorithm: string;
}

export interface BasicConstraints {
  readonly isCritical: boolean;
  readonly isAuthority: boolean;
  readonly pathLength: number | undefined;
}

export interface KeyUsage {
  readonly isCritical: boolean;
  /** By their numbers in RFC 5280, section 4.2.1.3: 0 digitalSignature … 8 decipherOnly. */
  readonly bits: ReadonlySet<number>;
}

/** The longest certificate that is looked at. */
const CERTIFICATE_BYTES_MAX = 64 * 1024;
const EXTENSIONS_MAX = 64;

const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";

/** RFC 4519 and RFC 4514: the short names of what stands in a subject. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.4": "SN",
  "2.5.4.5": "SERIALNUMBER",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.17": "POSTALCODE",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
};

function invalid(what: string, why: string, cause?: unknown): GantryError {
  return new GantryError("data-loss", `${what} is no certificate that can be used: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Reads a certificate in DER. @throws `data-loss` for what is none, whole and without anything behind it. */
export function parseCertificate(der: Uint8Array, what: string): Certificate {
  if (der.byteLength > CERTIFICATE_BYTES_MAX) throw invalid(what, `it is larger than ${CERTIFICATE_BYTES_MAX} bytes`);
  const bytes = Buffer.from(der);
  try {
    const x509 = new X509Certificate(bytes);
    // Two parsers read it: they must have read the same.
    if (!x509.raw.equals(bytes)) throw invalid(what, "something stands behind it");
    return describe(bytes, x509, Asn1Certificate.parse(bytes), what);
  } catch (cause) {
    if (cause instanceof GantryError) throw cause;
    throw invalid(what, "it cannot be decoded", cause);
  }
}

function describe(der: Buffer, x509: X509Certificate, asn1: Asn1Certificate, what: string): Certificate {
  const extensions = readExtensions(asn1, what);
  const { name, subject } = readName(ASN1Obj.parseBuffer(sequence(asn1.subject)));
  return {
    der,
    x509,
    publicKey: x509.publicKey,
    subject,
    name,
    subjectBytes: asn1.subject,
    issuerBytes: asn1.issuer,
    notBeforeMs: asn1.notBefore.getTime(),
    notAfterMs: asn1.notAfter.getTime(),
    basicConstraints: readBasicConstraints(extensions.get(BASIC_CONSTRAINTS)),
    keyUsage: readKeyUsage(extensions.get(KEY_USAGE)),
    extendedKeyUsages: extensions.get(EXTENDED_KEY_USAGE)?.value.subs.map((usage) => usage.toOID()) ?? [],
    signatureAlgorithm: asn1.root.subs[1]?.subs[0]?.toOID() ?? "",
  };
}

/** The content of a name, as a name again: a tag and a length before it. */
function sequence(content: Buffer): Buffer<ArrayBuffer> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.from([0x30, 0x84]), length, content]);
}

interface Extension {
  readonly isCritical: boolean;
  readonly value: ASN1Obj;
}

function readExtensions(asn1: Asn1Certificate, what: string): ReadonlyMap<string, Extension> {
  const list = asn1.extensions;
  if (list.length > EXTENSIONS_MAX) throw invalid(what, `it has ${list.length} extensions`);
  const found = new Map<string, Extension>();
  for (const extension of list) {
    const id = extension.subs[0]?.toOID() ?? "";
    // RFC 5280, section 4.2: no extension more than once. Of two, each parser might take another.
    if (found.has(id)) throw invalid(what, `its extension ${id} is there twice`);
    const last = extension.subs.at(-1);
    const isCritical = extension.subs.length === 3 && extension.subs[1]?.toBoolean() === true;
    if (last === undefined) throw invalid(what, `its extension ${id} is empty`);
    if (![BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE].includes(id)) continue;
    found.set(id, { isCritical, value: ASN1Obj.parseBuffer(Buffer.from(last.value)) });
  }
  return found;
}

function readBasicConstraints(extension: Extension | undefined): BasicConstraints | undefined {
  if (extension === undefined) return undefined;
  const { subs } = extension.value;
  const pathLength = subs.find((sub) => sub.tag.isInteger())?.toInteger();
  return {
    isCritical: extension.isCritical,
    isAuthority: subs.find((sub) => sub.tag.isBoolean())?.toBoolean() ?? false,
    pathLength: pathLength === undefined ? undefined : Number(pathLength),
  };
}

function readKeyUsage(extension: Extension | undefined): KeyUsage | undefined {
  if (extension === undefined) return undefined;
  const bits = extension.value.toBitString().flatMap((bit, index) => (bit === 1 ? [index] : []));
  return { isCritical: extension.isCritical, bits: new Set(bits) };
}

function readName(name: ASN1Obj): { readonly name: string; readonly subject: DistinguishedName | undefined } {
  const attributes = name.subs.flatMap((set) =>
    set.subs.map((attribute): readonly [string, string] => {
      const id = attribute.subs[0]?.toOID() ?? "";
      return [ATTRIBUTE_NAMES[id] ?? id, readText(attribute.subs[1])];
    }),
  );
  const subject = new Map(attributes);
  const isPlain = subject.size === attributes.length && name.subs.every((set) => set.subs.length === 1);
  return { name: formatName(subject) || "(no name)", subject: isPlain ? subject : undefined };
}

const BMP_STRING = 0x1e;

function readText(value: ASN1Obj | undefined): string {
  if (value === undefined) return "";
  if (value.tag.number === BMP_STRING) return new TextDecoder("utf-16be").decode(value.value);
  return new TextDecoder("utf-8").decode(value.value);
}
