import { createHash } from "node:crypto";
import { unlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { formatError, GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { type Digest, digestAlgorithm, digestHex, isDigest } from "../../oci/digest.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import type { S3Bucket } from "../../s3/s3-bucket.ts";
import { S3Error } from "../../s3/s3-error.ts";
import type { BlobBody, BlobSpan, BlobStorage } from "../blob-storage.ts";
import type { StoredBlob } from "../ingest.ts";
import { Pace } from "../scrub/pace.ts";
import type { BlobVerifier, Verification } from "../scrub/scrub-protocol.ts";
import { BucketAlarm } from "./bucket-alarm.ts";
import type { BucketOwner } from "./bucket-owner.ts";
import { BucketProbe } from "./bucket-probe.ts";

export interface BucketStorageParts {
  readonly bucket: S3Bucket;
  /** What keys begin with; "" or ending in a slash. */
  readonly prefix: string;
  readonly owner: BucketOwner;
  /** Clients that may read a blob are sent to the bucket, with an address that is good for so long. @default they get it here */
  readonly redirectSeconds?: number;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/** Who asks whether the registry is ready does not wait for a bucket as long as who wants a blob. */
const PROBE_PATIENCE = { triesMax: 2, responseTimeoutMs: 2000 } as const;

const GATHERED_BYTES_MAX = 256 * 1024;

/** Blobs as objects in a bucket: `PREFIXblobs/sha256/…`. To be opened with `openBucketStorage`. */
export class BucketStorage implements BlobStorage, AsyncDisposable {
  /** Some ten thousand manifests, each of which is a round trip. */
  readonly rememberedBytesMax = 16 << 20;
  readonly #parts: BucketStorageParts;
  readonly #probe: BucketProbe;
  readonly #alarm: BucketAlarm;
  #hasToldOfUnfinished = false;

  constructor(parts: BucketStorageParts) {
    this.#parts = parts;
    const ask = (): Promise<void> => parts.owner.require(PROBE_PATIENCE);
    const nowMs = (): number => performance.now();
    this.#probe = new BucketProbe({ ask, nowMs, warn: parts.warn });
    this.#alarm = new BucketAlarm({ nowMs, warn: parts.warn });
  }

  #key(digest: Digest): string {
    return `${this.#parts.prefix}blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
  }

  path(digest: Digest): never {
    throw new GantryError("unsupported", `${digest} is an object in the bucket ${this.#parts.bucket.name}, not a file`);
  }

  async holds({ digest, sizeBytes }: StoredBlob): Promise<boolean> {
    const found = await this.#parts.bucket.size(this.#key(digest));
    if (found === undefined) await this.#parts.owner.require();
    return found === sizeBytes;
  }

  async take(path: string, { digest, sizeBytes }: StoredBlob): Promise<void> {
    const { bucket, owner } = this.#parts;
    // An empty disk in the place of the right one takes everything: asked meanwhile, so that nobody waits for it.
    const isOurs = owner.require();
    isOurs.catch(() => undefined);
    await bucket
      .upload({ path, digest, sizeBytes, key: this.#key(digest) })
      .then(() => isOurs)
      .catch((failure: unknown) => this.#alarm.raise(failure));
    await unlink(path).catch(() => undefined);
  }

  async *read(blob: StoredBlob): AsyncGenerator<Uint8Array, undefined> {
    if (blob.sizeBytes > 0) yield* this.#readSpan(blob, { start: 0, end: blob.sizeBytes });
  }

  async *#readSpan({ digest }: StoredBlob, span: BlobSpan): AsyncGenerator<Uint8Array, undefined> {
    try {
      yield* this.#parts.bucket.read(this.#key(digest), span);
    } catch (cause) {
      const what = damageOf(cause);
      if (what === undefined) return this.#alarm.raise(cause);
      await this.#parts.owner.require();
      throw new GantryError("data-loss", `${digest} is damaged, its object ${what}`, { cause });
    }
  }

  /** What is small is gathered, the rest is streamed through; its first bytes are there when this returns. */
  async body(blob: StoredBlob, span: BlobSpan): Promise<BlobBody> {
    const chunks = this.#readSpan(blob, span);
    if (span.end - span.start <= GATHERED_BYTES_MAX) return new Blob(await Array.fromAsync(chunks, toBlobPart));
    return continueWith(await chunks.next(), chunks);
  }

  async redirect(digest: Digest): Promise<string | undefined> {
    const { bucket, redirectSeconds } = this.#parts;
    if (redirectSeconds === undefined) return undefined;
    // Artifacts have whatever type their pusher chose: no browser is to run them.
    const answerHeaders = { "content-type": "application/octet-stream", "content-disposition": "attachment" };
    return await bucket.presign(this.#key(digest), { seconds: redirectSeconds, answerHeaders });
  }

  async remove(digest: Digest): Promise<void> {
    await this.#parts.bucket.remove(this.#key(digest));
  }

  async requireReady(): Promise<void> {
    const failure = await this.#probe.look();
    if (failure !== undefined) throw failure;
  }

  /** Reads every object: a bucket's own checksums say what it took, not what it should have. */
  openVerifier(): BlobVerifier {
    const pace = new Pace({ nowMs: () => performance.now(), sleep: delay });
    return {
      verify: (blob, options) => this.#verify(blob, pace, options),
      async [Symbol.asyncDispose]() {},
    };
  }

  async #verify(
    blob: StoredBlob,
    pace: Pace,
    { bytesPerSecond, signal }: Parameters<BlobVerifier["verify"]>[1],
  ): Promise<Verification> {
    const algorithm = digestAlgorithm(blob.digest);
    const hash = createHash(algorithm);
    let sizeBytes = 0;
    await pace.opened(bytesPerSecond);
    try {
      for await (const chunk of this.read(blob)) {
        if (signal?.aborted) throw new GantryError("cancelled", "cancelled", { cause: signal.reason });
        hash.update(chunk);
        sizeBytes += chunk.byteLength;
        await pace.read(chunk.byteLength, bytesPerSecond);
      }
    } catch (error) {
      // Every other one may be fine.
      if (error instanceof S3Error && error.s3Code === "InvalidObjectState") {
        return { problem: formatError(error), isLost: false };
      }
      if (!isGantryError(error, "data-loss")) throw error;
      return { problem: `its object ${damageOf(error.cause) ?? "is missing"}`, isLost: true };
    }
    return { digest: finishDigest(hash, algorithm), sizeBytes };
  }

  /** Parts that were sent and never made an object of, by a killed process or while the bucket was away: nobody sees them, and they cost money. */
  async removeUnfinished(): Promise<void> {
    const { bucket, prefix, warn } = this.#parts;
    try {
      await bucket.abortUploads(`${prefix}blobs/`);
    } catch (error) {
      if (!(error instanceof S3Error) || error.isTransient) throw error;
      if (this.#hasToldOfUnfinished) return;
      this.#hasToldOfUnfinished = true;
      warn(`unfinished uploads are left in the bucket, let a rule of its own expire them: ${formatError(error)}`);
    }
  }

  /** Gives the bucket to whoever comes next. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.owner[Symbol.asyncDispose]();
  }

  async *list(): AsyncGenerator<readonly Digest[], undefined> {
    const { bucket, prefix, owner } = this.#parts;
    for await (const page of bucket.list(`${prefix}blobs/`)) {
      await owner.require();
      yield page.map(({ key }) => key.slice(`${prefix}blobs/`.length).replace("/", ":")).filter(isDigest);
    }
  }
}

/** What a failure to read says of an object of ours, or undefined if it says nothing. */
function damageOf(failure: unknown): string | undefined {
  if (!(failure instanceof S3Error)) return undefined;
  if (failure.s3Code === "NoSuchKey") return "is missing";
  return failure.s3Code === "InvalidRange" ? "is shorter than it was" : undefined;
}

async function* continueWith(
  first: IteratorResult<Uint8Array, undefined>,
  rest: AsyncGenerator<Uint8Array, undefined>,
): AsyncGenerator<Uint8Array, undefined> {
  if (!first.done) yield first.value;
  yield* rest;
}

function toBlobPart(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
