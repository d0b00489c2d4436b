import { GantryError } from "../../errors/gantry-error.ts";
import { decodeBase64, decodeBase64Url, decodeObject, isObject, type JsonObject } from "../json.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { CERTIFICATES_MAX, type Envelope, envelopeProblem, readSignedAttributes } from "./envelope.ts";
import { algorithmOf, isJwsSignature } from "./signature-algorithm.ts";

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Reads a JWS envelope (signature-envelope-jws.md) and verifies its signature with the key of its first certificate.
 *
 * @throws `data-loss` for what is no such envelope or not signed by that key, `unsupported` for attributes that must be
 *   understood and are not.
 */
export function openJwsEnvelope(bytes: Uint8Array): Envelope {
  const envelope = decodeObject(bytes);
  if (envelope === undefined) throw envelopeProblem("it is no JSON object");
  const protectedBytes = decodeBase64Url(envelope.protected);
  const headers = protectedBytes === undefined ? undefined : decodeObject(protectedBytes);
  if (headers === undefined) throw envelopeProblem("protected is not JSON in base64url");
  const payload = decodeBase64Url(envelope.payload);
  if (payload === undefined) throw envelopeProblem("payload is not base64url");
  const signature = decodeBase64Url(envelope.signature);
  if (signature === undefined) throw envelopeProblem("signature is not base64url");
  const chain = readChain(isObject(envelope.header) ? envelope.header : {});
  const attributes = readSignedAttributes({
    contentType: headers.cty,
    critical: headers.crit,
    registered: ["alg", "cty", "crit"],
    get: (name) => headers[name],
    time: (name) => readTime(headers[name]),
  });
  const [leaf] = chain;
  if (leaf === undefined) throw envelopeProblem("header.x5c is empty");
  const algorithm = algorithmOf(leaf.publicKey, `the certificate of ${leaf.name}`);
  if (headers.alg !== algorithm) {
    const said = JSON.stringify(headers.alg)?.slice(0, 40) ?? "nothing";
    throw envelopeProblem(`alg is ${said}, and the key of its certificate signs with ${algorithm}`);
  }
  const signed = Buffer.from(`${String(envelope.protected)}.${String(envelope.payload)}`, "ascii");
  if (!isJwsSignature({ key: leaf.publicKey, algorithm }, signed, signature)) {
    throw new GantryError("data-loss", "its signature is not that of its certificate's key");
  }
  return { payload, chain, ...attributes };
}

function readChain(header: JsonObject): readonly Certificate[] {
  const { x5c } = header;
  if (!Array.isArray(x5c)) throw envelopeProblem("header.x5c is not a list");
  if (x5c.length > CERTIFICATES_MAX) {
    throw envelopeProblem(`header.x5c has ${x5c.length} certificates, more than ${CERTIFICATES_MAX}`);
  }
  return x5c.map((text, index) => {
    const der = decodeBase64(text);
    if (der === undefined) throw envelopeProblem(`header.x5c[${index}] is not base64`);
    return parseCertificate(der, `header.x5c[${index}]`);
  });
}

function readTime(text: unknown): number | undefined {
  if (text === undefined) return undefined;
  return typeof text === "string" && RFC3339.test(text) ? Date.parse(text) : Number.NaN;
}
