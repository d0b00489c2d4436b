import { dsse } from "@sigstore/core";
import { GantryError } from "../../errors/gantry-error.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { decodeBase64, decodeObject, isObject, type JsonObject } from "../json.ts";
import { COSIGN, isSigstoreBundle, SIGSTORE_BUNDLE } from "./media-types.ts";

/** A bundle with one signature over a statement of in-toto about images. */
export interface SigstoreBundle {
  /** What is signed: DSSE's pre-authentication encoding of the statement. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  readonly statement: SignStatement;
}

/** That images were signed: the statement that cosign makes since version 3. It names no repository. */
export interface SignStatement {
  readonly digests: readonly Digest[];
  readonly annotations: Readonly<Record<string, string>>;
}

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const STATEMENT_TYPES = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const SUBJECTS_MAX = 1000;

function invalid(why: string): GantryError {
  return new GantryError("data-loss", `its bundle cannot be understood: ${why}`);
}

function object(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/**
 * Reads a bundle of sigstore (protobuf-specs, `sigstore_bundle.proto`) that was made with a key.
 *
 * @throws `unsupported` for a keyless one, `data-loss` for what is no bundle of a signature.
 */
export function parseSigstoreBundle(bytes: Uint8Array): SigstoreBundle {
  const bundle = decodeObject(bytes);
  if (bundle === undefined) throw invalid("it is no JSON object");
  if (typeof bundle.mediaType !== "string" || !isSigstoreBundle(bundle.mediaType)) {
    throw invalid("its mediaType is not that of a bundle");
  }
  const material = object(bundle.verificationMaterial);
  if (material.certificate !== undefined || material.x509CertificateChain !== undefined) throw keylessRefused();
  if (bundle.messageSignature !== undefined) throw invalid("it signs a file, no image");
  const envelope = object(bundle.dsseEnvelope);
  const payload = decodeBase64(envelope.payload);
  if (payload === undefined) throw invalid("dsseEnvelope.payload is not base64");
  if (envelope.payloadType !== PAYLOAD_TYPE) throw invalid(`dsseEnvelope.payloadType is not ${PAYLOAD_TYPE}`);
  const signatures = Array.isArray(envelope.signatures) ? envelope.signatures : [];
  if (signatures.length !== 1) throw invalid(`it has ${signatures.length} signatures, and one is wanted`);
  const signature = decodeBase64(object(signatures[0]).sig);
  if (signature === undefined) throw invalid("dsseEnvelope.signatures[0].sig is not base64");
  const signed = dsse.preAuthEncoding(PAYLOAD_TYPE, payload);
  return { signed, signature, statement: parseStatement(payload) };
}

/** The refusal of a signature by a certificate of Fulcio. */
export function keylessRefused(): GantryError {
  return new GantryError(
    "unsupported",
    "it is keyless (a certificate of Fulcio): only signatures by keys are verified yet",
  );
}

function parseStatement(payload: Uint8Array): SignStatement {
  const statement = decodeObject(payload) ?? {};
  if (!STATEMENT_TYPES.includes(String(statement._type))) throw invalid("its payload is no statement of in-toto");
  if (statement.predicateType !== COSIGN.predicateType) {
    const type = JSON.stringify(statement.predicateType)?.slice(0, 100) ?? "nothing";
    throw invalid(`it attests ${type}, which is no signature of an image`);
  }
  const subjects = Array.isArray(statement.subject) ? statement.subject.map(object) : [];
  if (subjects.length === 0 || subjects.length > SUBJECTS_MAX) throw invalid(`it is about ${subjects.length} subjects`);
  const digests = subjects.flatMap((subject) =>
    Object.entries(object(subject.digest)).flatMap(([algorithm, hex]) => {
      const digest = `${algorithm}:${String(hex)}`;
      return isDigest(digest) ? [digest] : [];
    }),
  );
  const annotations = subjects.flatMap((subject) => Object.entries(object(subject.annotations)));
  return {
    digests,
    annotations: Object.fromEntries(
      annotations.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    ),
  };
}

/** What is signed for an image: the encoding of cosign's statement, and the statement itself. */
export function formatStatement(
  digest: Digest,
  annotations: Readonly<Record<string, string>>,
): {
  readonly signed: Uint8Array;
  readonly payload: Uint8Array;
} {
  const [algorithm = "", hex = ""] = digest.split(":");
  const hasAnnotations = Object.keys(annotations).length > 0;
  const payload = Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPES[0],
      subject: [{ digest: { [algorithm]: hex }, ...(hasAnnotations ? { annotations } : {}) }],
      predicateType: COSIGN.predicateType,
      predicate: {},
    }),
  );
  return { signed: dsse.preAuthEncoding(PAYLOAD_TYPE, payload), payload };
}

/** A bundle of one signature by a key. @param hint tells verifiers which key it was. */
export function formatSigstoreBundle(payload: Uint8Array, signature: Uint8Array, hint: string): Uint8Array {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return new TextEncoder().encode(
    JSON.stringify({
      mediaType: SIGSTORE_BUNDLE,
      verificationMaterial: { publicKey: { hint } },
      dsseEnvelope: {
        payload: base64(payload),
        payloadType: PAYLOAD_TYPE,
        signatures: [{ sig: base64(signature) }],
      },
    }),
  );
}
