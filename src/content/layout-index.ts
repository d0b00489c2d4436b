import { existsSync, renameSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { ImageIndex } from "../oci/image.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import type { ImageName } from "./image-names.ts";

const DEBOUNCE_MS = 100;

/** Marks a folder as an OCI image layout (image-spec, image-layout.md). */
export function writeLayoutFile(directory: string): void {
  const path = join(directory, "oci-layout");
  if (existsSync(path)) return;
  writeFileSync(`${path}.tmp`, '{"imageLayoutVersion":"1.0.0"}');
  renameSync(`${path}.tmp`, path);
}

/** The `index.json` of a layout that has these names. Names carry the annotations that containerd and Docker use. */
function formatLayoutIndex(names: readonly ImageName[], sizeOf: (digest: Digest) => number | undefined): ImageIndex {
  const manifests = names.flatMap((name) => {
    const size = sizeOf(name.digest);
    if (size === undefined) return [];
    const isNamed = !name.name.startsWith("<none>@");
    const tag = /:([^/:@]+)$/.exec(name.name)?.[1];
    return {
      mediaType: name.mediaType,
      digest: name.digest,
      size,
      ...(isNamed
        ? {
            annotations: {
              "io.containerd.image.name": name.name,
              "org.opencontainers.image.ref.name": tag ?? name.name,
            },
          }
        : {}),
    };
  });
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
}

/** Keeps `index.json` near the database, for others to read: written a moment after the last change, never read by us. */
export class LayoutIndex {
  readonly #directory: string;
  readonly #names: () => readonly ImageName[];
  readonly #sizeOf: (digest: Digest) => number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: string, names: () => readonly ImageName[], sizeOf: (digest: Digest) => number | undefined) {
    this.#directory = directory;
    this.#names = names;
    this.#sizeOf = sizeOf;
  }

  schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.flush(), DEBOUNCE_MS);
    this.#timer.unref();
  }

  /** Writes now if something is due, and waits for it. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    }
    await this.#writing;
  }

  async #write(): Promise<void> {
    const path = join(this.#directory, "index.json");
    try {
      const text = JSON.stringify(formatLayoutIndex(this.#names(), this.#sizeOf));
      await writeFile(`${path}.tmp`, text);
      await rename(`${path}.tmp`, path);
    } catch {
      // It is derived: the next change, or the next start, writes it again.
    }
  }
}
