import { matchesGlob } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Image } from "./image.ts";
import { createdMs } from "./image-catalog.ts";

/** Docker's filters of `images`. Those of one kind are alternatives, except labels, which all must be there. */
export interface ImageFilters {
  /** Patterns of names: `busybox`, `quay.io/web:1.*`. */
  readonly reference?: readonly string[];
  /** Only images without a tag, or only those with one. */
  readonly dangling?: boolean;
  /** Made before, or after, another image. */
  readonly before?: string;
  readonly since?: string;
  /** `key` or `key=value`. */
  readonly label?: readonly string[];
}

/** One row of `images`. */
export interface ImageSummary {
  readonly id: Digest;
  readonly names: readonly string[];
  readonly repoDigests: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
}

function matchesReference(name: string, pattern: string): boolean {
  const repository = name.replace(/[:@][^/]+$/, "");
  return [name, repository].some((text) => matchesGlob(text, pattern));
}

/** The names that a filter by reference asks for: the others of the same image are not listed. */
function namesWanted(names: readonly string[], patterns: readonly string[] | undefined): readonly string[] {
  if (patterns === undefined) return names;
  return names.filter((name) => patterns.some((pattern) => matchesReference(name, pattern)));
}

function matchesLabel(image: Image, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  const value = image.config.config?.Labels?.[key];
  return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
}

/** The images that pass all filters, as rows. @throws what `resolve` throws for an image that a filter names. */
export function listImages(
  images: readonly Image[],
  filters: ImageFilters,
  resolve: (name: string) => Image,
): readonly ImageSummary[] {
  for (const pattern of filters.reference ?? []) {
    if (pattern === "") throw new GantryError("invalid-argument", "a filter by reference needs a pattern");
  }
  const beforeMs = filters.before === undefined ? undefined : createdMs(resolve(filters.before));
  const sinceMs = filters.since === undefined ? undefined : createdMs(resolve(filters.since));
  return images
    .map((image) => ({
      image,
      names: namesWanted(image.names, filters.reference),
      repoDigests: namesWanted(image.repoDigests, filters.reference),
    }))
    .filter(({ image, names, repoDigests }) => {
      const madeMs = createdMs(image);
      return (
        (filters.reference === undefined || names.length + repoDigests.length > 0) &&
        (filters.dangling === undefined || filters.dangling === (image.names.length === 0)) &&
        (beforeMs === undefined || madeMs < beforeMs) &&
        (sinceMs === undefined || madeMs > sinceMs) &&
        (filters.label ?? []).every((label) => matchesLabel(image, label))
      );
    })
    .map(({ image, names, repoDigests }) => ({
      id: image.id,
      names,
      repoDigests,
      createdMs: createdMs(image),
      sizeBytes: image.sizeBytes,
      labels: image.config.config?.Labels ?? {},
    }));
}
