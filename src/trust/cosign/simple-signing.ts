import { GantryError } from "../../errors/gantry-error.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { decodeObject, isObject, type JsonObject } from "../json.ts";
import { COSIGN } from "./media-types.ts";

/** What a signer of cosign's first form says of an image (containers-signature(5), with cosign's `type`). */
export interface SimpleSigning {
  /** The name that the signer gave the image, with cosign its repository. */
  readonly reference: string;
  readonly digest: Digest;
  /** What else the signer said: `--annotation`. */
  readonly annotations: Readonly<Record<string, string>>;
}

function invalid(why: string): GantryError {
  return new GantryError("data-loss", `its payload is no statement of cosign's: ${why}`);
}

function object(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/**
 * Reads the payload of a signature. Whether it was signed, and by whom, is another's question.
 *
 * @throws `data-loss` for everything that does not name an image, whatever else it says.
 */
export function parseSimpleSigning(payload: Uint8Array): SimpleSigning {
  const document = decodeObject(payload);
  if (document === undefined) throw invalid("it is no JSON object");
  const critical = object(document.critical);
  const unknown = Object.keys(critical).find((key) => !["identity", "image", "type"].includes(key));
  if (unknown !== undefined)
    throw invalid(`critical.${unknown.slice(0, 64)} is not known, and critical means that it must be`);
  if (critical.type !== COSIGN.payloadType) throw invalid(`critical.type is not ${JSON.stringify(COSIGN.payloadType)}`);
  const digest = object(critical.image)["docker-manifest-digest"];
  if (typeof digest !== "string" || !isDigest(digest)) {
    throw invalid("critical.image.docker-manifest-digest is no digest");
  }
  const reference = object(critical.identity)["docker-reference"];
  if (typeof reference !== "string") throw invalid("critical.identity.docker-reference is no text");
  const annotations = Object.entries(object(document.optional)).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  return { reference, digest, annotations: Object.fromEntries(annotations) };
}

/** The payload for an image, byte for byte as cosign writes it, so that the same statement is the same blob. */
export function formatSimpleSigning({ reference, digest, annotations }: SimpleSigning): Uint8Array {
  const isEmpty = Object.keys(annotations).length === 0;
  const sorted = Object.fromEntries(
    Object.entries(annotations).toSorted(([left], [right]) => (left < right ? -1 : Number(left > right))),
  );
  const document = {
    critical: {
      identity: { "docker-reference": reference },
      image: { "docker-manifest-digest": digest },
      type: COSIGN.payloadType,
    },
    optional: isEmpty ? null : sorted,
  };
  return new TextEncoder().encode(JSON.stringify(document));
}
