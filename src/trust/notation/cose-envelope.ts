import { decode, encode } from "cborg";
import { GantryError } from "../../errors/gantry-error.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { CERTIFICATES_MAX, type Envelope, envelopeProblem, readSignedAttributes } from "./envelope.ts";
import { algorithmOf, isJwsSignature, type JwsAlgorithm } from "./signature-algorithm.ts";

/** RFC 9053: the algorithms of COSE by the names that JWS has for the same ones. */
const ALGORITHMS: Readonly<Record<JwsAlgorithm, number>> = {
  ES256: -7,
  ES384: -35,
  ES512: -36,
  PS256: -37,
  PS384: -38,
  PS512: -39,
};
const [ALGORITHM, CRITICAL, CONTENT_TYPE, X5CHAIN] = [1, 2, 3, 33];
const [EPOCH_TAG, SIGN1_TAG] = [1, 18];

type Label = string | number;
type Labels = ReadonlyMap<unknown, unknown>;

/** Seconds since the epoch, tagged as such: another number is no time (signature-envelope-cose.md). */
class EpochTime {
  readonly seconds: unknown;

  constructor(seconds: unknown) {
    this.seconds = seconds;
  }
}

class Sign1 {
  readonly parts: unknown;

  constructor(parts: unknown) {
    this.parts = parts;
  }
}

/**
 * Reads a COSE envelope (signature-envelope-cose.md; RFC 9052, COSE_Sign1) and verifies its signature with the key of its first
 * certificate.
 *
 * @throws `data-loss` for what is no such envelope or not signed by that key, `unsupported` for attributes that must be
 *   understood and are not.
 */
export function openCoseEnvelope(bytes: Uint8Array): Envelope {
  const { protectedBytes, unprotected, payload, signature } = readSign1(bytes);
  const headers = decodeStrictly(protectedBytes, "its protected headers");
  if (!(headers instanceof Map)) throw envelopeProblem("its protected headers are no map");
  const chain = readChain(unprotected);
  const get = (name: Label): unknown => headers.get(name);
  const attributes = readSignedAttributes({
    contentType: get(CONTENT_TYPE),
    critical: get(CRITICAL),
    registered: [ALGORITHM, CRITICAL, CONTENT_TYPE],
    get,
    time: (name) => readTime(get(name)),
  });
  const [leaf] = chain;
  if (leaf === undefined) throw envelopeProblem("its x5chain is empty");
  const algorithm = algorithmOf(leaf.publicKey, `the certificate of ${leaf.name}`);
  if (get(ALGORITHM) !== ALGORITHMS[algorithm]) {
    const said = String(get(ALGORITHM)).slice(0, 40);
    throw envelopeProblem(`alg is ${said}, and the key of its certificate signs with ${ALGORITHMS[algorithm]}`);
  }
  const signed = encode(["Signature1", protectedBytes, new Uint8Array(0), payload]);
  if (!isJwsSignature({ key: leaf.publicKey, algorithm }, signed, signature)) {
    throw new GantryError("data-loss", "its signature is not that of its certificate's key");
  }
  return { payload, chain, ...attributes };
}

/** Exactly one item, its maps without a key twice, of definite length: two readers must read the same. */
function decodeStrictly(bytes: Uint8Array, what: string): unknown {
  try {
    return decode(bytes, {
      useMaps: true,
      rejectDuplicateMapKeys: true,
      allowIndefinite: false,
      allowUndefined: false,
      tags: {
        [EPOCH_TAG]: (content) => new EpochTime(content()),
        [SIGN1_TAG]: (content) => new Sign1(content()),
      },
    });
  } catch {
    throw envelopeProblem(`${what} cannot be decoded as CBOR`);
  }
}

interface Sign1Parts {
  readonly protectedBytes: Uint8Array;
  readonly unprotected: Labels;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

function readSign1(bytes: Uint8Array): Sign1Parts {
  const item = decodeStrictly(bytes, "it");
  const parts: readonly unknown[] = item instanceof Sign1 && Array.isArray(item.parts) ? item.parts : [];
  const [protectedBytes, unprotected, payload, signature] = parts;
  const isWhole =
    parts.length === 4 &&
    protectedBytes instanceof Uint8Array &&
    unprotected instanceof Map &&
    payload instanceof Uint8Array &&
    signature instanceof Uint8Array;
  if (!isWhole) throw envelopeProblem("it is no COSE_Sign1 with a payload");
  return { protectedBytes, unprotected, payload, signature };
}

function readChain(unprotected: Labels): readonly Certificate[] {
  const value = unprotected.get(X5CHAIN);
  // A chain of one certificate may stand without its list (RFC 9360, section 2).
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > CERTIFICATES_MAX) {
    throw envelopeProblem(`its x5chain has ${list.length} certificates, more than ${CERTIFICATES_MAX}`);
  }
  return list.map((der, index) => {
    if (!(der instanceof Uint8Array)) throw envelopeProblem(`its x5chain[${index}] is no certificate`);
    return parseCertificate(der, `x5chain[${index}]`);
  });
}

function readTime(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const seconds = value instanceof EpochTime ? value.seconds : undefined;
  return typeof seconds === "number" && Number.isSafeInteger(seconds) ? seconds * 1000 : Number.NaN;
}
