import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, isDigest } from "./digest.ts";
import type { Descriptor, ImageConfig, ImageIndex, ImageManifest, Platform } from "./image.ts";
import { MEDIA_TYPES } from "./media-types.ts";

/** The most bytes that a manifest or an index may have, as registries have it (distribution-spec, "Pushing Manifests"). */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** The most bytes that an image's config may have. */
export const CONFIG_BYTES_MAX = 8 * 1024 * 1024;
/** The most layers that an image which is to run may have: overlayfs takes 500. */
const LAYERS_MAX = 500;
const ENTRIES_MAX = 10_000;

/** A document that names an image: one platform's manifest, or an index over several. */
export type ManifestDocument =
  | { readonly kind: "manifest"; readonly mediaType: string; readonly manifest: ImageManifest }
  | { readonly kind: "index"; readonly mediaType: string; readonly index: ImageIndex };

type JsonObject = { readonly [key: string]: unknown };

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Collects what is wrong with a document, each with its path, to say all of it at once. */
class Problems {
  readonly #found: string[] = [];

  add(path: string, problem: string): undefined {
    if (this.#found.length < 10) this.#found.push(`${path} ${problem}`);
    return undefined;
  }

  throwIfAny(what: string): void {
    if (this.#found.length > 0) throw new GantryError("data-loss", `invalid ${what}: ${this.#found.join("; ")}`);
  }
}

function decodeJson(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new GantryError("data-loss", `invalid ${what}: it is not JSON`, { cause });
  }
  if (!isObject(value)) throw new GantryError("data-loss", `invalid ${what}: it is not a JSON object`);
  return value;
}

function readStrings(value: unknown, path: string, problems: Problems): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value) || !Object.values(value).every((item) => typeof item === "string")) {
    return problems.add(path, "is not an object of strings");
  }
  return value as Record<string, string>;
}

function readList(value: unknown, path: string, problems: Problems): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    return problems.add(path, "is not a list of strings");
  }
  return value as string[];
}

function readText(value: unknown, path: string, problems: Problems): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return typeof value === "string" ? value : problems.add(path, "is not a string");
}

function readPlatform(value: unknown, path: string, problems: Problems): Platform | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return problems.add(path, "is not an object");
  const variant = readText(value.variant, `${path}.variant`, problems);
  const version = readText(value["os.version"], `${path}.os.version`, problems);
  const features = readList(value["os.features"], `${path}.os.features`, problems);
  return {
    os: readText(value.os, `${path}.os`, problems) ?? "",
    architecture: readText(value.architecture, `${path}.architecture`, problems) ?? "",
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { "os.version": version }),
    ...(features === undefined ? {} : { "os.features": features }),
  };
}

function readDescriptor(value: unknown, path: string, problems: Problems): Descriptor | undefined {
  if (!isObject(value)) return problems.add(path, "is not an object");
  const mediaType = readText(value.mediaType, `${path}.mediaType`, problems) ?? "";
  const { digest, size } = value;
  if (typeof digest !== "string" || !isDigest(digest)) return problems.add(`${path}.digest`, "is not a digest");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    return problems.add(`${path}.size`, "is not a size in bytes");
  }
  const urls = readList(value.urls, `${path}.urls`, problems);
  const annotations = readStrings(value.annotations, `${path}.annotations`, problems);
  const artifactType = readText(value.artifactType, `${path}.artifactType`, problems);
  const platform = readPlatform(value.platform, `${path}.platform`, problems);
  const data = readText(value.data, `${path}.data`, problems);
  return {
    mediaType,
    digest,
    size,
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform }),
    ...(data === undefined ? {} : { data }),
  };
}

function readDescriptors(value: unknown, path: string, problems: Problems, max: number): readonly Descriptor[] {
  // Go writes an empty list as null.
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) return problems.add(path, "is not a list") ?? [];
  if (value.length > max) return problems.add(path, `has ${value.length} entries, more than ${max}`) ?? [];
  return value.flatMap((item, index) => readDescriptor(item, `${path}[${index}]`, problems) ?? []);
}

function shared(document: JsonObject, problems: Problems) {
  const mediaType = readText(document.mediaType, "mediaType", problems);
  const artifactType = readText(document.artifactType, "artifactType", problems);
  const annotations = readStrings(document.annotations, "annotations", problems);
  const subject = isObject(document.subject) ? readDescriptor(document.subject, "subject", problems) : undefined;
  return {
    schemaVersion: 2 as const,
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(subject === undefined ? {} : { subject }),
  };
}

function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerIndex;
}

function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociManifest || mediaType === MEDIA_TYPES.dockerManifest;
}

/**
 * Reads a manifest or an index, of OCI or Docker. What it is, is decided by its own words; the media type that came with it
 * (a header, a descriptor) may say the same or nothing, never something else (CVE-2021-41190: one text, two meanings).
 *
 * @param mediaType the type that came with it, `""` where none did.
 * @param options.layersMax the most layers that are accepted, by default as many as can be mounted.
 * @throws `data-loss` for what is no valid document, `unsupported` for Docker's schema 1 and other documents.
 */
export function parseManifest(
  bytes: Uint8Array,
  mediaType = "",
  options: { readonly layersMax?: number } = {},
): ManifestDocument {
  if (bytes.byteLength > MANIFEST_BYTES_MAX) {
    throw new GantryError("data-loss", `invalid manifest: it is larger than ${MANIFEST_BYTES_MAX} bytes`);
  }
  const document = decodeJson(bytes, "manifest");
  if (document.schemaVersion === 1) {
    throw new GantryError("unsupported", "images in Docker's manifest schema 1 are not supported", {
      hint: "push the image again with a current tool",
    });
  }
  const problems = new Problems();
  if (document.schemaVersion !== 2) problems.add("schemaVersion", "is not 2");
  const common = shared(document, problems);
  const isIndex = document.manifests !== undefined;
  const isManifest = document.config !== undefined || document.layers !== undefined;
  if (isIndex === isManifest) problems.add("document", isIndex ? "is both an index and a manifest" : "is no manifest");
  for (const type of [common.mediaType ?? "", mediaType]) {
    if (isIndex ? isManifestType(type) : isIndexType(type)) problems.add("mediaType", `is ${type}, its content is not`);
  }
  if (isIndex) {
    const manifests = readDescriptors(document.manifests, "manifests", problems, ENTRIES_MAX);
    problems.throwIfAny("image index");
    const known = [common.mediaType ?? "", mediaType].find(isIndexType) ?? MEDIA_TYPES.ociIndex;
    return { kind: "index", mediaType: known, index: { ...common, manifests } };
  }
  const config = readDescriptor(document.config, "config", problems);
  const layers = readDescriptors(document.layers, "layers", problems, options.layersMax ?? LAYERS_MAX);
  problems.throwIfAny("image manifest");
  if (config === undefined) throw new GantryError("data-loss", "invalid image manifest: it has no config");
  const known = [common.mediaType ?? "", mediaType].find(isManifestType) ?? MEDIA_TYPES.ociManifest;
  return { kind: "manifest", mediaType: known, manifest: { ...common, config, layers } };
}

/** True if an object may be read as an image's config: a chart or a signature has another media type there. */
export function isImageConfigType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociConfig || mediaType === MEDIA_TYPES.dockerConfig || mediaType === "";
}

/**
 * Reads an image's config: what the runtime and the store rely on is checked, the rest is kept as it is.
 *
 * @throws `data-loss` for what is no valid config.
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  if (bytes.byteLength > CONFIG_BYTES_MAX) {
    throw new GantryError("data-loss", `invalid image config: it is larger than ${CONFIG_BYTES_MAX} bytes`);
  }
  const document = decodeJson(bytes, "image config");
  const problems = new Problems();
  const platform = readPlatform(document, "config", problems) ?? { os: "", architecture: "" };
  const rootfs = isObject(document.rootfs) ? document.rootfs : {};
  if (rootfs.type !== "layers") problems.add("rootfs.type", 'is not "layers"');
  const diffIds = readList(rootfs.diff_ids, "rootfs.diff_ids", problems) ?? [];
  diffIds.forEach((diffId, index) => {
    if (!isDigest(diffId)) problems.add(`rootfs.diff_ids[${index}]`, "is not a digest");
  });
  readText(document.created, "created", problems);
  readText(document.author, "author", problems);
  readExecution(document.config, problems);
  if (document.history !== undefined && document.history !== null) {
    const isList = Array.isArray(document.history) && document.history.every(isObject);
    if (!isList) problems.add("history", "is not a list of objects");
  }
  problems.throwIfAny("image config");
  return { ...(document as object), ...platform, rootfs: { type: "layers", diff_ids: diffIds as readonly Digest[] } };
}

function readExecution(value: unknown, problems: Problems): void {
  if (value === undefined || value === null) return;
  if (!isObject(value)) {
    problems.add("config", "is not an object");
    return;
  }
  for (const key of ["Env", "Entrypoint", "Cmd", "OnBuild", "Shell"]) readList(value[key], `config.${key}`, problems);
  for (const key of ["User", "WorkingDir", "StopSignal"]) readText(value[key], `config.${key}`, problems);
  readStrings(value.Labels, "config.Labels", problems);
  for (const key of ["ExposedPorts", "Volumes", "Healthcheck"]) {
    const item = value[key];
    if (item !== undefined && item !== null && !isObject(item)) problems.add(`config.${key}`, "is not an object");
  }
}
