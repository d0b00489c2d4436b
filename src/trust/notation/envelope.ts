import { GantryError } from "../../errors/gantry-error.ts";
import type { Certificate } from "./certificate.ts";
import { NOTATION } from "./media-types.ts";

export type SigningScheme = "notary.x509" | "notary.x509.signingAuthority";

/** An envelope whose signature is that of its first certificate; whether to trust that is another's question. */
export interface Envelope extends SignedAttributes {
  readonly payload: Uint8Array;
  readonly chain: readonly Certificate[];
}

/** What a signer says of the signature itself (signature-specification.md, "Signed Attributes"). */
export interface SignedAttributes {
  readonly scheme: SigningScheme;
  /** When it was signed: as the signer says, or, with a signing authority, as that authority says. */
  readonly signedMs: number;
  /** The signer wants it not to count from then on. */
  readonly expiryMs: number | undefined;
}

/** The attributes as a form of envelope has them, decoded and not yet believed. */
export interface ProtectedHeaders {
  readonly contentType: unknown;
  /** Of whatever type; what is no list is one without entries. */
  readonly critical: unknown;
  get(name: string): unknown;
  /** Milliseconds since the epoch; `NaN` for what is no time, `undefined` where there is nothing. */
  time(name: string): number | undefined;
  /** Names that the form itself defines, and that may be critical. */
  readonly registered: readonly unknown[];
}

/** The longest chain that is looked at. */
export const CERTIFICATES_MAX = 10;

const SCHEME = "io.cncf.notary.signingScheme";
const SIGNING_TIME = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME = "io.cncf.notary.authenticSigningTime";
const EXPIRY = "io.cncf.notary.expiry";
const KNOWN: readonly unknown[] = [SCHEME, SIGNING_TIME, AUTHENTIC_TIME, EXPIRY];

export function envelopeProblem(why: string): GantryError {
  return new GantryError("data-loss", `its envelope cannot be understood: ${why}`);
}

/** @throws `data-loss` for attributes that do not go together, `unsupported` for those that must be understood and are not. */
export function readSignedAttributes(headers: ProtectedHeaders): SignedAttributes {
  if (headers.contentType !== NOTATION.payload) throw envelopeProblem(`its content type is not ${NOTATION.payload}`);
  const scheme = headers.get(SCHEME);
  if (scheme !== "notary.x509" && scheme !== "notary.x509.signingAuthority") {
    throw envelopeProblem(`${SCHEME} is none that is known`);
  }
  const isAuthority = scheme === "notary.x509.signingAuthority";
  const [wanted, other] = isAuthority ? [AUTHENTIC_TIME, SIGNING_TIME] : [SIGNING_TIME, AUTHENTIC_TIME];
  if (headers.get(other) !== undefined) throw envelopeProblem(`${other} does not go with ${scheme}`);
  const signedMs = readTime(headers, wanted);
  if (signedMs === undefined) throw envelopeProblem(`${wanted} is missing`);
  const expiryMs = readTime(headers, EXPIRY);
  if (expiryMs !== undefined && expiryMs <= signedMs) throw envelopeProblem("it expires before it was signed");
  checkCritical(headers, [
    SCHEME,
    ...(isAuthority ? [AUTHENTIC_TIME] : []),
    ...(expiryMs === undefined ? [] : [EXPIRY]),
  ]);
  return { scheme, signedMs, expiryMs };
}

function readTime(headers: ProtectedHeaders, name: string): number | undefined {
  const time = headers.time(name);
  if (Number.isNaN(time)) throw envelopeProblem(`${name} is no time`);
  return time;
}

/** RFC 7515, section 4.1.11, and RFC 9052, section 3.1: what is critical must be understood, or the signature does not count. */
function checkCritical(headers: ProtectedHeaders, needed: readonly string[]): void {
  const critical: readonly unknown[] = Array.isArray(headers.critical) ? headers.critical : [];
  const missing = needed.find((name) => !critical.includes(name));
  if (missing !== undefined) throw envelopeProblem(`${missing} is not marked as critical`);
  for (const name of critical) {
    if (KNOWN.includes(name) || headers.registered.includes(name)) continue;
    const shown = String(name).slice(0, 100);
    if (typeof name !== "string" || headers.get(name) === undefined) {
      throw envelopeProblem(`crit names what is not there: ${shown}`);
    }
    const isPlugin = name.startsWith("io.cncf.notary.verificationPlugin");
    const why = isPlugin ? "plugins of notation are not there" : "it is not known";
    throw new GantryError("unsupported", `it has the critical attribute ${shown}, and ${why}`);
  }
}
