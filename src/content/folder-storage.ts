import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { open, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { diskError } from "../errors/disk-error.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";
import { fileBody } from "../platform/http/file-body.ts";
import type { BlobSpan, BlobStorage } from "./blob-storage.ts";
import type { StoredBlob } from "./ingest.ts";
import { FileVerifier } from "./scrub/file-verifier.ts";
import type { BlobVerifier } from "./scrub/scrub-protocol.ts";
import { SharedRun } from "./shared-run.ts";

const ALGORITHMS = ["sha256", "sha512"] as const;
const READ_BYTES = 1 << 18;

function syncDirectoryNow(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Blobs as files, as an OCI image layout has them: `blobs/sha256/…`. */
export class FolderStorage implements BlobStorage {
  /** A manifest takes 0.03 ms of a processor to be read and verified. */
  readonly rememberedBytesMax = 0;
  readonly #directory: string;
  /** Many blobs that come at once wait for one sync of their folder. */
  readonly #syncs = { sha256: this.#syncOf("sha256"), sha512: this.#syncOf("sha512") } as const;

  /** @param directory is made as needed: `<root>/content/blobs` */
  constructor(directory: string) {
    this.#directory = directory;
    const made = ALGORITHMS.map((name) => mkdirSync(join(directory, name), { recursive: true }));
    // What is put there later lasts only if they do; the database's name beside them as well.
    const folders = made.some((path) => path !== undefined)
      ? [directory, dirname(directory), dirname(dirname(directory))]
      : [];
    for (const folder of folders) syncDirectoryNow(folder);
  }

  /** Removes every file that is not known. Before anything is stored. @returns what is known and not there */
  sweep(known: Iterable<Digest>): ReadonlySet<Digest> {
    const missing = new Set(known);
    for (const algorithm of ALGORITHMS) {
      const folder = join(this.#directory, algorithm);
      for (const file of readdirSync(folder)) {
        if (!missing.delete(`${algorithm}:${file}` as Digest)) rmSync(join(folder, file), { force: true });
      }
    }
    return missing;
  }

  #syncOf(algorithm: (typeof ALGORITHMS)[number]): SharedRun {
    return new SharedRun(async () => {
      await using folder = await open(join(this.#directory, algorithm), "r");
      await folder.sync();
    });
  }

  path(digest: Digest): string {
    return join(this.#directory, digestAlgorithm(digest), digestHex(digest));
  }

  async holds({ digest }: StoredBlob): Promise<boolean> {
    return (await stat(this.path(digest)).catch(() => undefined)) !== undefined;
  }

  async take(path: string, { digest }: StoredBlob): Promise<void> {
    await rename(path, this.path(digest));
    try {
      await this.#syncs[digestAlgorithm(digest)].run();
    } catch (error) {
      await rename(this.path(digest), path);
      throw error;
    }
  }

  async *read({ digest, sizeBytes }: StoredBlob): AsyncGenerator<Uint8Array, undefined> {
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(this.path(digest), "r");
    } catch (cause) {
      if (!isMissing(cause)) throw diskError(`cannot read ${digest}`, cause);
      throw new GantryError("data-loss", `${digest} is missing from the store`, { cause });
    }
    try {
      for (let left = sizeBytes; ; ) {
        // One more than there should be, for a file that has grown is damaged; and no more, for a manifest is small.
        const wanted = Math.min(READ_BYTES, left + 1);
        const { bytesRead, buffer } = await file.read(new Uint8Array(wanted), 0, wanted);
        if (bytesRead === 0) return;
        left = Math.max(0, left - bytesRead);
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async body({ digest }: StoredBlob, { start, end }: BlobSpan): Promise<ReadableStream<Uint8Array>> {
    return fileBody(this.path(digest), start, end);
  }

  async redirect(): Promise<undefined> {
    return undefined;
  }

  async remove(digest: Digest): Promise<void> {
    await unlink(this.path(digest)).catch((cause) => {
      if (!isMissing(cause)) throw diskError(`cannot remove ${digest}`, cause);
    });
  }

  /** What a disk cannot do is known when it is asked to. */
  async requireReady(): Promise<void> {}

  openVerifier(): BlobVerifier {
    const verifier = new FileVerifier();
    return {
      verify: ({ digest }, { bytesPerSecond, signal }) => {
        const task = { path: this.path(digest), algorithm: digestAlgorithm(digest), bytesPerSecond };
        return verifier.verify(task, signal === undefined ? {} : { signal });
      },
      [Symbol.asyncDispose]: () => verifier[Symbol.asyncDispose](),
    };
  }

  /** `take` leaves nothing: it renames. */
  async removeUnfinished(): Promise<void> {}

  list(): undefined {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
