import { mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../oci/digest.ts";
import type { State } from "../state/state.ts";

/** What is wrong with a blob. */
export interface Finding {
  /** In words: "its file is missing". */
  readonly finding: string;
  /** Who needs it: repositories, images. */
  readonly neededBy: readonly string[];
}

/** A blob whose bytes were not what they should be. */
export interface QuarantinedBlob extends Finding {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly foundMs: number;
  /** True once it was stored again. */
  readonly isMended: boolean;
}

interface QuarantineRow {
  readonly digest: Digest;
  readonly size_bytes: number;
  readonly found_ms: number;
  readonly finding: string;
  readonly needed_by: string;
  readonly is_mended: number;
}

export interface QuarantineParts {
  /** `<root>/content/quarantine`: made if it is missing. */
  readonly directory: string;
  readonly state: State;
  /** Where a blob's file is. */
  readonly path: (digest: Digest) => string;
}

/**
 * Damaged blobs, out of the way: they are not found any more, so that whoever pushes or pulls one again mends it. What refers to them
 * stays as it is, and so does the damaged file for a while, for whoever wants to look at it.
 */
export class Quarantine {
  readonly #parts: QuarantineParts;

  constructor(parts: QuarantineParts) {
    this.#parts = parts;
    mkdirSync(parts.directory, { recursive: true, mode: 0o700 });
    const known = new Set(this.list().map(({ digest }) => fileName(digest)));
    for (const name of readdirSync(parts.directory)) {
      if (!known.has(name)) rmSync(join(parts.directory, name), { force: true });
    }
  }

  /**
   * Takes a blob out of the store. To be called under its digest's lock. A file without a row is swept when the store opens,
   * and so is a row without a file: whenever this ends, the damaged blob is not served.
   */
  take(blob: Omit<QuarantinedBlob, "foundMs" | "isMended">): void {
    const { state, path } = this.#parts;
    try {
      renameSync(path(blob.digest), this.#path(blob.digest));
    } catch {
      // It is missing, or its folder cannot be read: then there is nothing to be looked at.
    }
    state.transaction(() => {
      state.db.run("DELETE FROM blobs WHERE digest = ?", [blob.digest]);
      state.db.run(
        `INSERT OR REPLACE INTO quarantined_blobs (digest, size_bytes, found_ms, finding, needed_by)
         VALUES (?, ?, ?, ?, ?)`,
        [blob.digest, blob.sizeBytes, state.now(), blob.finding, JSON.stringify(blob.neededBy)],
      );
    });
  }

  /** What was found, oldest first. */
  list(): readonly QuarantinedBlob[] {
    return this.#parts.state.db
      .query<QuarantineRow, []>(
        `SELECT quarantined_blobs.*, EXISTS (SELECT 1 FROM blobs WHERE blobs.digest = quarantined_blobs.digest) AS is_mended
         FROM quarantined_blobs ORDER BY found_ms, digest`,
      )
      .all()
      .map((row) => ({
        digest: row.digest,
        sizeBytes: row.size_bytes,
        foundMs: row.found_ms,
        finding: row.finding,
        neededBy: JSON.parse(row.needed_by) as readonly string[],
        isMended: row.is_mended === 1,
      }));
  }

  /** Forgets what was found before, and removes the damaged files. */
  async forget(beforeMs: number): Promise<void> {
    const { state } = this.#parts;
    const old = this.list().filter(({ foundMs }) => foundMs < beforeMs);
    if (old.length === 0) return;
    state.transaction(() => {
      for (const { digest } of old) state.db.run("DELETE FROM quarantined_blobs WHERE digest = ?", [digest]);
    });
    for (const { digest } of old) await unlink(this.#path(digest)).catch(() => undefined);
  }

  #path(digest: Digest): string {
    return join(this.#parts.directory, fileName(digest));
  }
}

function fileName(digest: Digest): string {
  return digest.replace(":", "-");
}
