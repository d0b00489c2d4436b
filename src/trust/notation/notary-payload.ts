import { GantryError } from "../../errors/gantry-error.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { decodeObject, isObject } from "../json.ts";

/** What a signer of notation says of an image (signature-specification.md, "Payload"). It names no repository. */
export interface NotaryPayload {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

function invalid(why: string): GantryError {
  return new GantryError("data-loss", `its payload is no statement of notation's: ${why}`);
}

/** @throws `data-loss` for what is no such payload. */
export function parseNotaryPayload(bytes: Uint8Array): NotaryPayload {
  const target = decodeObject(bytes)?.targetArtifact;
  if (!isObject(target)) throw invalid("it has no targetArtifact");
  const { mediaType, digest, size } = target;
  if (typeof mediaType !== "string") throw invalid("targetArtifact.mediaType is no text");
  if (typeof digest !== "string" || !isDigest(digest)) throw invalid("targetArtifact.digest is no digest");
  if (typeof size !== "number" || !Number.isSafeInteger(size)) throw invalid("targetArtifact.size is no size");
  const annotations = isObject(target.annotations) ? target.annotations : {};
  const texts = Object.entries(annotations).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return { mediaType, digest, size, annotations: Object.fromEntries(texts) };
}

export function formatNotaryPayload(
  { mediaType, digest, size }: Descriptor,
  annotations: Readonly<Record<string, string>>,
): Uint8Array {
  const hasAnnotations = Object.keys(annotations).length > 0;
  const targetArtifact = { mediaType, digest, size, ...(hasAnnotations ? { annotations } : {}) };
  return new TextEncoder().encode(JSON.stringify({ targetArtifact }));
}
