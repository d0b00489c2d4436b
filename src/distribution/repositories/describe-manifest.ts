import { isGantryError } from "../../errors/gantry-error.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import { parseManifest } from "../../oci/manifest.ts";
import { MEDIA_TYPES } from "../../oci/media-types.ts";
import { RegistryError } from "./registry-error.ts";

/** What a registry has to know of a manifest. */
export interface ManifestDescription {
  readonly mediaType: string;
  /** For the referrers API: what it says, or its config's media type (distribution-spec, "Listing Referrers"). */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Digest;
  /** Blobs that the repository must hold before. */
  readonly requiredBlobs: readonly Digest[];
  /** Manifests that the repository must hold before, or blobs. */
  readonly requiredManifests: readonly Digest[];
  /** All that it refers to, its subject left out: kept as long as it is. */
  readonly references: readonly Digest[];
}

const KNOWN_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.dockerManifest,
]);

/** RFC 6838, section 4.2. */
const MEDIA_TYPE = /^[a-zA-Z0-9][\w!#$&.+^-]{0,126}\/[a-zA-Z0-9][\w!#$&.+^-]{0,126}$/;

/** More than any image can have: what unpacks it has a limit of its own. */
const LAYERS_MAX = 10_000;

/**
 * Reads a manifest that is pushed. Images and indexes of OCI and Docker are checked; of another type, what looks like descriptors is
 * kept with it, and nothing is required.
 *
 * @param contentType of the request, without parameters; "" where it said none.
 * @throws RegistryError MANIFEST_INVALID
 */
export function describeManifest(bytes: Uint8Array, contentType: string): ManifestDescription {
  const document = decode(bytes);
  const said = typeof document?.mediaType === "string" ? document.mediaType : "";
  const mediaType = contentType === "" || contentType === "application/json" ? said : contentType;
  if (said !== "" && said !== mediaType) {
    throw invalid(`its mediaType is ${said}, the request's Content-Type ${mediaType}`);
  }
  if (mediaType !== "" && !MEDIA_TYPE.test(mediaType)) throw invalid(`${JSON.stringify(mediaType)} is no media type`);
  if (document?.schemaVersion === 1 || /^application\/vnd\.docker\.distribution\.manifest\.v1\b/.test(mediaType)) {
    throw new RegistryError("MANIFEST_INVALID", "images in Docker's manifest schema 1 are not supported", {
      hint: "push it with a current tool",
    });
  }
  if (mediaType === "" || KNOWN_TYPES.has(mediaType)) return describeImage(bytes, mediaType);
  return describeOther(document, mediaType);
}

function describeImage(bytes: Uint8Array, mediaType: string): ManifestDescription {
  const parsed = parse(bytes, mediaType);
  const { subject, artifactType, annotations } = parsed.kind === "index" ? parsed.index : parsed.manifest;
  const common = {
    mediaType: parsed.mediaType,
    ...(annotations === undefined ? {} : { annotations }),
    ...(subject === undefined ? {} : { subject: subject.digest }),
  };
  if (parsed.kind === "index") {
    const references = parsed.index.manifests.map((entry) => entry.digest);
    const said = artifactType === undefined ? {} : { artifactType };
    return { ...common, ...said, requiredBlobs: [], requiredManifests: references, references };
  }
  const { config, layers } = parsed.manifest;
  const blobs = [config, ...layers];
  return {
    ...common,
    artifactType: artifactType ?? config.mediaType,
    requiredBlobs: blobs.filter((blob) => !isElsewhere(blob)).map((blob) => blob.digest),
    requiredManifests: [],
    references: blobs.map((blob) => blob.digest),
  };
}

function parse(bytes: Uint8Array, mediaType: string): ReturnType<typeof parseManifest> {
  try {
    return parseManifest(bytes, mediaType, { layersMax: LAYERS_MAX });
  } catch (cause) {
    if (isGantryError(cause, "data-loss") || isGantryError(cause, "unsupported")) throw invalid(cause.message, cause);
    throw cause;
  }
}

/** True for layers that registries need not have: image-spec, layer.md, "Non-Distributable Layers", and what has a place of its own. */
function isElsewhere(blob: Descriptor): boolean {
  return /\.nondistributable\.|\.foreign\./.test(blob.mediaType) || (blob.urls?.length ?? 0) > 0;
}

function describeOther(
  document: Readonly<Record<string, unknown>> | undefined,
  mediaType: string,
): ManifestDescription {
  const { config, layers, blobs, manifests, subject, artifactType, annotations } = document ?? {};
  const of = (value: unknown): readonly Digest[] => {
    const digest = typeof value === "object" && value !== null && "digest" in value ? value.digest : undefined;
    return typeof digest === "string" && isDigest(digest) ? [digest] : [];
  };
  const lists = [layers, blobs, manifests].flatMap((list) => (Array.isArray(list) ? list : []));
  const [subjectDigest] = of(subject);
  return {
    mediaType,
    ...(typeof artifactType === "string" ? { artifactType } : {}),
    ...(isStrings(annotations) ? { annotations } : {}),
    ...(subjectDigest === undefined ? {} : { subject: subjectDigest }),
    requiredBlobs: [],
    requiredManifests: [],
    references: [config, ...lists].flatMap(of),
  };
}

function isStrings(value: unknown): value is Readonly<Record<string, string>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && Object.values(value).every((item) => typeof item === "string");
}

function decode(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function invalid(why: string, cause?: unknown): RegistryError {
  const words = why.startsWith("invalid ") ? why : `invalid manifest: ${why}`;
  return new RegistryError("MANIFEST_INVALID", words, cause === undefined ? {} : { detail: { reason: why } });
}
