import { formatError, isGantryError } from "../errors/gantry-error.ts";
import { type Digest, digestHex } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import type { Descriptor, ImageManifest } from "../oci/image.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { COSIGN, isSigstoreBundle } from "./cosign/media-types.ts";
import { keylessRefused } from "./cosign/sigstore-bundle.ts";
import type { FoundSignature, SignatureContent, SignatureFormat } from "./found-signature.ts";
import { NOTATION } from "./notation/media-types.ts";

/** Where signatures are looked for: one repository. Everything that comes from there is hostile. */
export interface SignatureSource {
  /** @returns `undefined` if there is no such tag or manifest. @throws `data-loss` for what is no manifest. */
  manifest(name: { readonly tag: string } | { readonly digest: Digest }): Promise<SourceManifest | undefined>;
  /** What refers to a manifest; nothing is an empty list. */
  referrers(digest: Digest): Promise<readonly Descriptor[]>;
  /** The bytes of a blob, at most as many as the descriptor says. */
  blob(descriptor: Descriptor): Promise<Uint8Array>;
}

export interface SourceManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

/** More than these are not looked at: whoever may push could else keep every pull busy. */
export const SIGNATURES_MAX = 100;
const SIMPLE_SIGNING_BYTES_MAX = 1024 * 1024;
const ENVELOPE_BYTES_MAX = 4 * 1024 * 1024;

/** The tag under which cosign keeps the signatures of a manifest (SIGNATURE_SPEC.md, "Tag-based Discovery"). */
export function signatureTag(digest: Digest): string {
  return `${digest.replace(":", "-")}.sig`;
}

/**
 * Finds the signatures of a manifest or an index: under cosign's tag, and among its referrers. One that cannot be read is among
 * them with the reason, never left out: who wonders why a signature does not count is told.
 *
 * @throws what the registry's failing throws; to find nothing is no error.
 */
export async function findSignatures(source: SignatureSource, subject: Descriptor): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = [];
  const tagged = await readManifest(source, { tag: signatureTag(subject.digest) });
  if (typeof tagged === "string") found.push(unreadable("cosign", subject, subject.digest, tagged));
  else if (tagged !== undefined) found.push(...(await readSignatures(source, { format: "cosign", subject }, tagged)));
  const seen = new Set<Digest>(typeof tagged === "object" ? [tagged.descriptor.digest] : []);
  for (const entry of await source.referrers(subject.digest)) {
    const isCandidate = isUntold(entry) || formatOf(entry.artifactType ?? "") !== undefined;
    if (!isCandidate || seen.has(entry.digest)) continue;
    if (found.length >= SIGNATURES_MAX || seen.size > SIGNATURES_MAX) {
      const format = formatOf(entry.artifactType ?? "") ?? "cosign";
      found.push(unreadable(format, subject, entry.digest, `more than ${SIGNATURES_MAX} signatures are not looked at`));
      break;
    }
    seen.add(entry.digest);
    found.push(...(await readReferrer(source, subject, entry)));
  }
  return found;
}

/** True if a list does not say what an entry is: those that cosign keeps by the tag schema have the config's type instead. */
function isUntold({ artifactType = "" }: Descriptor): boolean {
  return artifactType === "" || artifactType === MEDIA_TYPES.ociEmpty;
}

async function readReferrer(
  source: SignatureSource,
  subject: Descriptor,
  entry: Descriptor,
): Promise<readonly FoundSignature[]> {
  const listed = formatOf(entry.artifactType ?? "");
  const read = await readManifest(source, { digest: entry.digest });
  const manifest = typeof read === "object" ? read.manifest : undefined;
  const format = listed ?? formatOf(manifest?.artifactType ?? manifest?.config.mediaType ?? "");
  if (format === undefined) return [];
  if (typeof read === "object") return await readSignatures(source, { format, subject }, read);
  return [unreadable(format, subject, entry.digest, read ?? "its manifest is not there")];
}

function formatOf(artifactType: string): SignatureFormat | undefined {
  if (artifactType === COSIGN.artifact) return "cosign";
  if (artifactType === NOTATION.artifact) return "notation";
  return isSigstoreBundle(artifactType) ? "cosign-bundle" : undefined;
}

function unreadable(format: SignatureFormat, subject: Descriptor, manifest: Digest, problem: string): FoundSignature {
  return { format, subject, manifest, content: { kind: "unreadable", problem } };
}

/** The manifest, or why it cannot be read. */
async function readManifest(
  source: SignatureSource,
  name: { readonly tag: string } | { readonly digest: Digest },
): Promise<SourceManifest | string | undefined> {
  try {
    return await source.manifest(name);
  } catch (error) {
    if (isGantryError(error, "data-loss") || isGantryError(error, "unsupported")) return formatError(error);
    throw error;
  }
}

async function readSignatures(
  source: SignatureSource,
  { format, subject }: Pick<FoundSignature, "format" | "subject">,
  { descriptor, manifest }: SourceManifest,
): Promise<readonly FoundSignature[]> {
  const at = { format, subject, manifest: descriptor.digest };
  const { layers } = manifest;
  if (layers.length > SIGNATURES_MAX) {
    const problem = `its manifest has ${layers.length} layers, more than ${SIGNATURES_MAX}: none of them is looked at`;
    return [{ ...at, content: { kind: "unreadable", problem } }];
  }
  if (format !== "cosign" && layers.length !== 1) {
    const problem = `its manifest has ${layers.length} layers, and one is wanted`;
    return [{ ...at, content: { kind: "unreadable", problem } }];
  }
  const found: FoundSignature[] = [];
  for (const layer of layers) found.push({ ...at, content: await readLayer(source, format, layer) });
  return found;
}

async function readLayer(
  source: SignatureSource,
  format: SignatureFormat,
  layer: Descriptor,
): Promise<SignatureContent> {
  const { mediaType, annotations = {} } = layer;
  const problem = layerProblem(format, layer);
  if (problem !== undefined) return { kind: "unreadable", problem };
  try {
    const bytes = await source.blob(layer);
    if (bytes.byteLength !== layer.size || digestOf(bytes) !== layer.digest) {
      return { kind: "unreadable", problem: `its blob is not ${layer.digest}` };
    }
    if (format === "cosign")
      return { kind: "cosign", payload: bytes, signature: annotations[COSIGN.signatureAnnotation] };
    return format === "notation" ? { kind: "notation", mediaType, bytes } : { kind: "cosign-bundle", bundle: bytes };
  } catch (error) {
    if (isGantryError(error, "not-found") || isGantryError(error, "data-loss")) {
      return { kind: "unreadable", problem: formatError(error) };
    }
    throw error;
  }
}

function layerProblem(
  format: SignatureFormat,
  { mediaType, digest, size, annotations = {} }: Descriptor,
): string | undefined {
  if (digestHex(digest).length !== 64) return "its blob is not named by SHA-256";
  const max = format === "cosign" ? SIMPLE_SIGNING_BYTES_MAX : ENVELOPE_BYTES_MAX;
  if (size > max) return `it is ${size} bytes long, more than ${max}`;
  const shown = JSON.stringify(mediaType.slice(0, 100));
  switch (format) {
    case "cosign":
      if (mediaType !== COSIGN.simpleSigning) return `its media type is ${shown}, which is no signature of cosign's`;
      return annotations[COSIGN.certificateAnnotation] === undefined ? undefined : formatError(keylessRefused());
    case "cosign-bundle":
      return isSigstoreBundle(mediaType) ? undefined : `its media type is ${shown}, which is no bundle`;
    case "notation":
      return mediaType === NOTATION.jws || mediaType === NOTATION.cose
        ? undefined
        : `its media type is ${shown}, which is no envelope of notation's`;
  }
}
