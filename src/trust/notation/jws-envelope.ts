import { GantryError } from "../../errors/gantry-error.ts";
import { decodeBase64, decodeBase64Url, decodeObject, isObject, type JsonObject } from "../json.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { NOTATION } from "./media-types.ts";
import { algorithmOf, isJwsSignature } from "./signature-algorithm.ts";

export type SigningScheme = "notary.x509" | "notary.x509.signingAuthority";

/** An envelope whose signature is that of its first certificate; whether to trust that is another's question. */
export interface Envelope {
  readonly payload: Uint8Array;
  readonly chain: readonly Certificate[];
  readonly scheme: SigningScheme;
  /** When it was signed: as the signer says, or, with a signing authority, as that authority says. */
  readonly signedMs: number;
  /** The signer wants it not to count from then on. */
  readonly expiryMs: number | undefined;
}

const SCHEME = "io.cncf.notary.signingScheme";
const SIGNING_TIME = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime";
const EXPIRY = "io.cncf.notary.expiry";
const KNOWN: readonly string[] = ["alg", "cty", "crit", SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY];

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

function invalid(why: string): GantryError {
  return new GantryError("data-loss", `its envelope cannot be understood: ${why}`);
}

/**
 * Reads a JWS envelope (signature-envelope-jws.md) and verifies its signature with the key of its first certificate.
 *
 * @throws `data-loss` for what is no such envelope or not signed by that key, `unsupported` for attributes that must be
 *   understood and are not.
 */
export function openJwsEnvelope(bytes: Uint8Array): Envelope {
  const envelope = decodeObject(bytes);
  if (envelope === undefined) throw invalid("it is no JSON object");
  const protectedBytes = decodeBase64Url(envelope.protected);
  const headers = protectedBytes === undefined ? undefined : decodeObject(protectedBytes);
  if (headers === undefined) throw invalid("protected is not JSON in base64url");
  const payload = decodeBase64Url(envelope.payload);
  if (payload === undefined) throw invalid("payload is not base64url");
  const signature = decodeBase64Url(envelope.signature);
  if (signature === undefined) throw invalid("signature is not base64url");
  const chain = readChain(isObject(envelope.header) ? envelope.header : {});
  const attributes = readAttributes(headers);
  const [leaf] = chain;
  if (leaf === undefined) throw invalid("header.x5c is empty");
  const algorithm = algorithmOf(leaf.publicKey, `the certificate of ${leaf.name}`);
  if (headers.alg !== algorithm) {
    const said = JSON.stringify(headers.alg)?.slice(0, 40) ?? "nothing";
    throw invalid(`alg is ${said}, and the key of its certificate signs with ${algorithm}`);
  }
  const signed = Buffer.from(`${String(envelope.protected)}.${String(envelope.payload)}`, "ascii");
  if (!isJwsSignature({ key: leaf.publicKey, algorithm }, signed, signature)) {
    throw new GantryError("data-loss", "its signature is not that of its certificate's key");
  }
  return { payload, chain, ...attributes };
}

const CHAIN_LENGTH_MAX = 10;

function readChain(header: JsonObject): readonly Certificate[] {
  if (!Array.isArray(header.x5c)) throw invalid("header.x5c is not a list");
  if (header.x5c.length > CHAIN_LENGTH_MAX) {
    throw invalid(`header.x5c has ${header.x5c.length} certificates, more than ${CHAIN_LENGTH_MAX}`);
  }
  return header.x5c.map((text, index) => {
    const der = decodeBase64(text);
    if (der === undefined) throw invalid(`header.x5c[${index}] is not base64`);
    return parseCertificate(der, `header.x5c[${index}]`);
  });
}

function readAttributes(headers: JsonObject): Pick<Envelope, "scheme" | "signedMs" | "expiryMs"> {
  if (headers.cty !== NOTATION.payload) throw invalid(`cty is not ${NOTATION.payload}`);
  const scheme = headers[SCHEME];
  if (scheme !== "notary.x509" && scheme !== "notary.x509.signingAuthority") {
    throw invalid(`${SCHEME} is none that is known`);
  }
  const isAuthority = scheme === "notary.x509.signingAuthority";
  const [wanted, other] = isAuthority ? [AUTHENTIC_TIME, SIGNING_TIME] : [SIGNING_TIME, AUTHENTIC_TIME];
  if (headers[other] !== undefined) throw invalid(`${other} does not go with ${scheme}`);
  const signedMs = readTime(headers, wanted);
  if (signedMs === undefined) throw invalid(`${wanted} is missing`);
  const expiryMs = readTime(headers, EXPIRY);
  if (expiryMs !== undefined && expiryMs <= signedMs) throw invalid("it expires before it was signed");
  const needed = [SCHEME, ...(isAuthority ? [AUTHENTIC_TIME] : []), ...(expiryMs === undefined ? [] : [EXPIRY])];
  checkCritical(headers, needed);
  return { scheme, signedMs, expiryMs };
}

/** RFC 7515, section 4.1.11: what is critical must be understood, or the signature does not count. */
function checkCritical(headers: JsonObject, needed: readonly string[]): void {
  const critical: readonly unknown[] = Array.isArray(headers.crit) ? headers.crit : [];
  const missing = needed.find((key) => !critical.includes(key));
  if (missing !== undefined) throw invalid(`${missing} is not marked as critical`);
  for (const key of critical) {
    if (typeof key !== "string" || headers[key] === undefined) throw invalid("crit names what is not there");
    if (KNOWN.includes(key)) continue;
    const why = key.startsWith("io.cncf.notary.verificationPlugin")
      ? "plugins of notation are not there"
      : "it is not known";
    throw new GantryError("unsupported", `it has the critical attribute ${key.slice(0, 100)}, and ${why}`);
  }
}

function readTime(headers: JsonObject, key: string): number | undefined {
  const text = headers[key];
  if (text === undefined) return undefined;
  const time = typeof text === "string" && RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw invalid(`${key} is no time of RFC 3339`);
  return time;
}
