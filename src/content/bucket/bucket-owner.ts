import { setTimeout as delay } from "node:timers/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import type { S3Bucket } from "../../s3/s3-bucket.ts";
import type { S3Patience } from "../../s3/s3-connection.ts";
import { type BucketHolder, type BucketMark, formatBucketMark, parseBucketMark } from "./bucket-mark.ts";

export interface BucketOwnerParts {
  readonly bucket: S3Bucket;
  /** What keys begin with; "" or ending in a slash. */
  readonly prefix: string;
  /** The name of the root whose blobs are there. */
  readonly id: string;
  /** This process. */
  readonly holder: BucketHolder;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
  /** How soon who serves sees that somebody asks. @default 5 s */
  readonly lookMs?: number;
  /** How long who asks waits for an answer. @default 15 s */
  readonly askMs?: number;
  /** Ends that wait. */
  readonly signal?: AbortSignal;
}

const LOOK_MS = 5000;
const ASK_MS = 15_000;
/** Who looks has another try soon, and who ends is not to be held up. */
const LOOK_PATIENCE = { triesMax: 1, responseTimeoutMs: 3000 } as const;

/**
 * The object that says whose bucket this is, and who serves from it: `PREFIXgantry-root`.
 *
 * A root may be copied, and each copy has its name. So who starts and finds that another one served last, and did not say that it ended, asks
 * in that object whether it still does, and waits: who serves looks there again and again, and takes the mark back. No clocks are compared,
 * and a bucket needs no conditions for it. Where a process was killed, the next one in the same place knows by the root's lock that it is gone.
 */
export class BucketOwner implements AsyncDisposable {
  readonly #parts: BucketOwnerParts;
  readonly #key: string;
  readonly #ended = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: BucketOwnerParts) {
    this.#parts = parts;
    this.#key = `${parts.prefix}gantry-root`;
  }

  /**
   * Takes the bucket for the root, unless it is the root's already, and for this process, until it is disposed.
   *
   * @param hasBlobs the root has some, which have to be there.
   * @throws `conflict` if it is another root's, or a process serves from it that has a copy of this one; `unavailable`; `cancelled`
   */
  async take(hasBlobs: boolean): Promise<void> {
    const { bucket, id, holder } = this.#parts;
    let mark = await this.#read();
    if (mark === undefined && hasBlobs) {
      throw new GantryError(
        "conflict",
        `the blobs of this root are not in the bucket ${bucket.name}: it has no ${this.#key}`,
        {
          hint: "set bucket, prefix and endpoint in [storage.s3] to those that it was begun with",
        },
      );
    }
    if (mark === undefined) {
      await bucket.createSmall(this.#key, formatBucketMark({ root: id, holder }));
      mark = await this.#read();
    }
    if (mark?.root !== id) {
      throw new GantryError("conflict", `the bucket ${bucket.name} is another registry's, as ${this.#key} in it says`, {
        hint: "give this one a prefix of its own in [storage.s3]",
      });
    }
    if (mark.holder !== undefined && (mark.isAsking === true || mark.holder.place !== holder.place)) {
      await this.#ask(mark.holder);
    }
    await this.#write({ root: id, holder });
    this.#looking = this.#keep();
  }

  /** Waits for whether the one before still serves. @throws `conflict` if it does, `cancelled` */
  async #ask(before: BucketHolder): Promise<void> {
    const { bucket, id, holder, warn, signal, askMs = ASK_MS } = this.#parts;
    warn(
      `${before.name} did not say that it ended: in ${Math.ceil(askMs / 1000)} s it is known whether it still serves from the bucket ${bucket.name}`,
    );
    await this.#write({ root: id, holder, isAsking: true });
    const endMs = performance.now() + askMs;
    for (let isOver = false; !isOver; ) {
      await delay(askMs / 15, undefined, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
        throw new GantryError("cancelled", `ended before it was known whether ${before.name} still serves`, { cause });
      });
      isOver = performance.now() >= endMs;
      const mark = await this.#read();
      if (mark?.holder?.id === holder.id) continue;
      throw new GantryError(
        "conflict",
        `${mark?.holder?.name ?? before.name} serves from the bucket ${bucket.name}, with a copy of this root`,
        {
          hint: "stop that one first: each of two would remove what the other one stores",
        },
      );
    }
  }

  /** Answers whoever asks, until it is disposed, or somebody else has the bucket. */
  async #keep(): Promise<void> {
    const { bucket, id, holder, warn, lookMs = LOOK_MS } = this.#parts;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await delay(lookMs, undefined, { ref: false, signal }).catch(() => undefined);
      if (signal.aborted) return;
      // What cannot be asked is asked again; who needs the bucket hears of it.
      const mark = await this.#read(LOOK_PATIENCE).catch(() => undefined);
      const other = mark?.holder;
      if (mark?.root !== id || other === undefined || other.id === holder.id) continue;
      if (mark.isAsking !== true) {
        return warn(
          `${other.name} serves from the bucket ${bucket.name} now, with a copy of this root: nothing is stored or removed there any more`,
        );
      }
      warn(`${other.name} wants to serve from the bucket ${bucket.name}, with a copy of this root, and is refused`);
      await this.#write({ root: id, holder }, LOOK_PATIENCE).catch(() => undefined);
    }
  }

  /**
   * Looks whether the bucket is still the one that was taken. In one that is empty, or another's, for a disk was not mounted or a name leads
   * elsewhere, everything seems lost.
   *
   * @throws `unavailable`
   */
  async require(patience: S3Patience = {}): Promise<void> {
    const { bucket, id, holder } = this.#parts;
    const mark = await this.#read(patience);
    if (mark?.root !== id) {
      const what = mark === undefined ? `it has no ${this.#key} any more` : `${this.#key} in it names another registry`;
      throw new GantryError("unavailable", `the bucket ${bucket.name} is not the one that was opened: ${what}`);
    }
    // Whoever asks has not taken it, and is refused at our next look.
    if (mark.holder?.id === holder.id || mark.isAsking === true) return;
    const who = mark.holder?.name ?? "another process";
    throw new GantryError("unavailable", `${who} has taken the bucket ${bucket.name}, with a copy of this root`, {
      hint: "one of both has to end, and the other one to be started again",
    });
  }

  async #read(patience: S3Patience = {}): Promise<BucketMark | undefined> {
    const text = await this.#parts.bucket.readSmall(this.#key, patience);
    return text === undefined ? undefined : parseBucketMark(text);
  }

  async #write(mark: BucketMark, patience: S3Patience = {}): Promise<void> {
    await this.#parts.bucket.writeSmall(this.#key, formatBucketMark(mark), patience);
  }

  /** Says that this process has ended: the next one need not ask. A bucket that is away is not waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#looking;
    const { id, holder } = this.#parts;
    const mark = await this.#read(LOOK_PATIENCE).catch(() => undefined);
    if (mark?.root !== id || mark.holder?.id !== holder.id || mark.isAsking === true) return;
    await this.#write({ root: id }, LOOK_PATIENCE).catch(() => undefined);
  }
}
