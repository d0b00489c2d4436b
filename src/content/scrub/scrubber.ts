import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import type { State } from "../../state/state.ts";
import type { ContentStore } from "../content-store.ts";
import type { Finding } from "../quarantine.ts";
import type { BlobVerifier } from "./scrub-protocol.ts";

/** Gives the bytes of a blob again, to be verified and stored; undefined if it cannot, or has stored them by itself. */
export type RepairBlob = (digest: Digest) => Promise<ReadableStream<Uint8Array> | undefined>;

/** A blob that was damaged. */
export interface Damage extends Finding {
  readonly digest: Digest;
  readonly isRepaired: boolean;
}

export interface ScrubberParts {
  readonly state: State;
  readonly content: ContentStore;
  /** Whom a blob matters to, in words. */
  readonly neededBy: (digest: Digest) => readonly string[];
  /** @default damaged blobs wait for whoever pushes or pulls them again */
  readonly repair?: RepairBlob;
}

export interface ScrubOptions {
  /** 0: as fast as it goes. */
  readonly bytesPerSecond: number;
  /** Told of each blob that is damaged. */
  readonly onDamage?: (damage: Damage) => void;
  /** Told of what cannot be verified now, in one sentence. */
  readonly onProblem?: (sentence: string) => void;
  /** Told of what was read. */
  readonly onProgress?: (progress: { readonly blobs: number; readonly bytes: number }) => void;
  readonly signal?: AbortSignal;
}

interface BlobRow {
  readonly digest: Digest;
  readonly size_bytes: number;
}

interface PlaceRow {
  readonly place: string;
  readonly finished_ms: number | null;
}

/** The place is written down after so many blobs, or so much time. */
const PLACE_BLOBS = 256;
const PLACE_MS = 30_000;

/**
 * Reads every blob and compares it with its digest, in the order of digests, in a thread of its own. Where it stands is remembered: a pass that was
 * ended goes on there, also in another process.
 */
export class Scrubber {
  readonly #parts: ScrubberParts;

  constructor(parts: ScrubberParts) {
    this.#parts = parts;
  }

  /** When the last whole pass ended, and whether one is under way. */
  get standing(): { readonly finishedMs: number | undefined; readonly isUnderWay: boolean } {
    const row = this.#place();
    return { finishedMs: row?.finished_ms ?? undefined, isUnderWay: (row?.place ?? "") !== "" };
  }

  #place(): PlaceRow | undefined {
    return this.#parts.state.db.query<PlaceRow, []>("SELECT place, finished_ms FROM content_scrub").get() ?? undefined;
  }

  #remember(place: string, finishedMs: number | undefined): void {
    this.#parts.state.transaction(() =>
      this.#parts.state.db.run(
        `INSERT INTO content_scrub (one, place, finished_ms) VALUES (1, ?1, ?2)
         ON CONFLICT DO UPDATE SET place = ?1, finished_ms = coalesce(?2, finished_ms)`,
        [place, finishedMs ?? null],
      ),
    );
  }

  /**
   * Goes on from where the last pass was ended, to the end of the store.
   *
   * @throws `cancelled` at the signal; the place is kept
   */
  async run(options: ScrubOptions): Promise<void> {
    const { state } = this.#parts;
    const next = state.db.query<BlobRow, [string]>(
      "SELECT digest, size_bytes FROM blobs WHERE digest > ? ORDER BY digest LIMIT 1",
    );
    await using verifier = this.#parts.content.openVerifier();
    let place = this.#place()?.place ?? "";
    let rememberedMs = state.now();
    try {
      for (let blobs = 1; ; blobs++) {
        const blob = next.get(place);
        if (blob === null) break;
        await this.#check(blob, verifier, options);
        place = blob.digest;
        options.onProgress?.({ blobs: 1, bytes: blob.size_bytes });
        if (blobs % PLACE_BLOBS !== 0 && state.now() < rememberedMs + PLACE_MS) continue;
        this.#remember(place, undefined);
        rememberedMs = state.now();
      }
    } catch (error) {
      this.#remember(place, undefined);
      throw error;
    }
    this.#remember("", state.now());
  }

  async #check(blob: BlobRow, verifier: BlobVerifier, options: ScrubOptions): Promise<void> {
    const inspect = (): Promise<Finding | undefined> => this.#inspect(blob, verifier, options);
    if ((await inspect()) === undefined) return;
    // Once more while nobody stores or removes it: it may have been collected, and pushed again, at that very moment.
    const found = await this.#parts.content.quarantineIf(blob.digest, inspect);
    if (found === undefined) return;
    const isRepaired = await this.#repair(blob, options);
    options.onDamage?.({ ...found, digest: blob.digest, isRepaired });
  }

  async #inspect(
    { digest, size_bytes }: BlobRow,
    verifier: BlobVerifier,
    { bytesPerSecond, signal, onProblem }: ScrubOptions,
  ): Promise<Finding | undefined> {
    const { neededBy } = this.#parts;
    const found = await verifier.verify({ digest, sizeBytes: size_bytes }, { bytesPerSecond, signal });
    if ("digest" in found) {
      if (found.digest === digest) return undefined;
      const finding = `its ${found.sizeBytes} of ${size_bytes} bytes hash to ${found.digest}`;
      return { finding, neededBy: neededBy(digest) };
    }
    if (found.isLost) return { finding: found.problem, neededBy: neededBy(digest) };
    onProblem?.(`cannot verify ${digest}: ${found.problem}`);
    return undefined;
  }

  async #repair({ digest, size_bytes }: BlobRow, options: ScrubOptions): Promise<boolean> {
    try {
      const stream = await this.#parts.repair?.(digest);
      if (stream === undefined) return this.#parts.content.has(digest);
      await using ingest = await this.#parts.content.ingest({ expected: { digest, sizeBytes: size_bytes } });
      for await (const chunk of stream) await ingest.write(chunk);
      await ingest.commit();
      return true;
    } catch (error) {
      const why = isGantryError(error) ? formatError(error) : String(error);
      options.onProblem?.(`cannot repair ${digest}: ${why}`);
      return false;
    }
  }
}
