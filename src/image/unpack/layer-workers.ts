import { GantryError } from "../../errors/gantry-error.ts";
import type { DigestAlgorithm } from "../../oci/digest.ts";
import { startWorker, type WorkerThread } from "../../platform/worker.ts";
import type { AppliedLayer, LowerWork } from "./applied-layer.ts";
import { ByteWindow } from "./byte-window.ts";
import { HandedOnPieces } from "./handed-on-pieces.ts";
import { DEFAULT_LAYER_LIMITS, type LayerLimits } from "./layer-limits.ts";
import type {
  FromWorker,
  PackedLayer,
  PackTask,
  ReceivedLayer,
  SplitResult,
  ToWorker,
  WorkerTask,
} from "./worker-protocol.ts";

/** The module that runs in each thread: an entry point of its own when the program is packaged. */
const UNPACK_WORKER_PATH = "src/image/unpack/unpack-worker.ts";

/** How many bytes may be on their way to a thread. */
const WINDOW_BYTES = 8 << 20;
const PIECE_BYTES = 1 << 20;
const IDLE_THREADS_MAX = 2;
/** From this size on, a layer is decompressed by one thread and unpacked by another; a smaller one is done sooner by one. */
const TWO_THREADS_BYTES = 4 << 20;
/** A thread has some 10 MB: worth keeping between two layers, and not between two pulls. */
const IDLE_MS = 3000;

export interface TaskOptions {
  /** Bytes of the source that were worked through so far. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface ReceiveOptions extends TaskOptions {
  /** Where to keep the bytes as they came. */
  readonly blobPath?: string;
  /** @default "sha256" */
  readonly blobAlgorithm?: DigestAlgorithm;
  /** Fails as soon as more bytes come. */
  readonly blobBytesMax?: number;
  /** Where to unpack to; left out, nothing is unpacked. */
  readonly directory?: string;
  /** @default DEFAULT_LAYER_LIMITS */
  readonly limits?: LayerLimits;
}

/** Bytes that come, or a file that has them. */
export type LayerSource = AsyncIterable<Uint8Array> | { readonly path: string };

/**
 * Sends a stream in pieces, no more of it at once than the window allows. The bytes are copied, since the source may use its
 * buffers again; those that were handed on are nobody else's.
 */
async function feed(
  source: AsyncIterable<Uint8Array>,
  window: ByteWindow,
  post: (message: ToWorker, transfer: readonly ArrayBuffer[]) => void,
): Promise<void> {
  for await (const chunk of source) {
    for (let offset = 0; offset < chunk.byteLength; offset += PIECE_BYTES) {
      const isOurs = source instanceof HandedOnPieces && chunk.byteLength <= PIECE_BYTES;
      const bytes = isOurs ? chunk : new Uint8Array(chunk.subarray(offset, offset + PIECE_BYTES));
      if (!(await window.acquire(bytes.byteLength))) return;
      post({ kind: "chunk", bytes }, [bytes.buffer as ArrayBuffer]);
    }
  }
  post({ kind: "end" }, []);
}

/**
 * Threads for what would hold up the event loop: hashing, decompressing, unpacking, fsync, removing trees. Each call has a
 * thread of its own while it runs; memory for each is bounded, and a source is read no faster than the thread works.
 */
export class LayerWorkers implements AsyncDisposable {
  readonly #idle: WorkerThread[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** One streamed pass: hash, keep, decompress, hash, unpack. On failure the folder and the file are the caller's to remove. */
  async receive(source: LayerSource, options: ReceiveOptions = {}): Promise<ReceivedLayer> {
    const { directory, blobBytesMax = 0 } = options;
    const isLarge = blobBytesMax >= TWO_THREADS_BYTES && navigator.hardwareConcurrency > 1;
    if (directory === undefined || !isLarge) return await this.#receive(source, options, {});
    const failure = new AbortController();
    const signal = AbortSignal.any([failure.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const pieces = new HandedOnPieces();
    const fail = (reason: unknown): never => {
      failure.abort(reason);
      throw reason;
    };
    const task = { kind: "apply", directory, limits: options.limits ?? DEFAULT_LAYER_LIMITS } as const;
    const receiving = this.#receive(source, { ...options, signal }, { pieces }).then((received) => {
      // The thread may be somebody else's by the time the last pieces are taken.
      pieces.onTaken = () => {};
      pieces.end();
      return received;
    }, fail);
    const applying = this.#run(task, { signal }, pieces).catch(fail);
    const [received, applied] = await Promise.allSettled([receiving, applying]);
    if (failure.signal.aborted) throw failure.signal.reason;
    if (received.status === "rejected") throw received.reason;
    if (applied.status === "rejected") throw applied.reason;
    return { ...received.value, applied: applied.value as AppliedLayer };
  }

  async #receive(
    source: LayerSource,
    options: ReceiveOptions,
    { pieces }: { readonly pieces?: HandedOnPieces },
  ): Promise<ReceivedLayer> {
    const stream = "path" in source ? undefined : source;
    const task: WorkerTask = {
      kind: "receive",
      blobAlgorithm: options.blobAlgorithm ?? "sha256",
      limits: options.limits ?? DEFAULT_LAYER_LIMITS,
      ...("path" in source ? { sourcePath: source.path } : {}),
      ...(options.blobPath === undefined ? {} : { blobPath: options.blobPath }),
      ...(options.blobBytesMax === undefined ? {} : { blobBytesMax: options.blobBytesMax }),
      ...(pieces !== undefined ? { handsOn: true } : {}),
      ...(pieces !== undefined || options.directory === undefined ? {} : { directory: options.directory }),
    };
    return (await this.#run(task, { ...options, pieces }, stream)) as ReceivedLayer;
  }

  /** Completes an unpacked layer from those below it (topmost first), and syncs it. */
  async finish(directory: string, lower: readonly string[], work: LowerWork): Promise<void> {
    await this.#run({ kind: "finish", directory, lower, work }, {});
  }

  /** Removes a tree. Idempotent. */
  async remove(path: string): Promise<void> {
    await this.#run({ kind: "remove", path }, {});
  }

  /** Takes an archive (compressed or not) apart into numbered files in `directory`. */
  async split(
    source: AsyncIterable<Uint8Array>,
    directory: string,
    options: TaskOptions & { readonly limits?: LayerLimits } = {},
  ): Promise<SplitResult> {
    const task: WorkerTask = { kind: "split", directory, limits: options.limits ?? DEFAULT_LAYER_LIMITS };
    return (await this.#run(task, options, source)) as SplitResult;
  }

  /** Makes a layer of a folder: the upper folder of an overlay, or plain files. The same tree gives the same bytes. */
  async pack(options: Omit<PackTask, "kind"> & TaskOptions): Promise<PackedLayer> {
    const { directory, format, outputPath, compression } = options;
    return (await this.#run({ kind: "pack", directory, format, outputPath, compression }, options)) as PackedLayer;
  }

  async #run(
    task: WorkerTask,
    options: TaskOptions & { readonly pieces?: HandedOnPieces | undefined },
    source?: AsyncIterable<Uint8Array>,
  ): Promise<unknown> {
    options.signal?.throwIfAborted();
    if (this.#isClosed) throw new GantryError("unavailable", "the image store is closing");
    const thread = this.#idle.pop() ?? startWorker(UNPACK_WORKER_PATH);
    thread.keepAlive(true);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const window = new ByteWindow(WINDOW_BYTES);
    let isReusable = false;
    thread.onMessage((message) => {
      const from = message as FromWorker;
      if (from.kind === "taken") window.release(from.bytes);
      else if (from.kind === "progress") options.onProgress?.(from.bytes);
      else if (from.kind === "unpacked") options.pieces?.push(from.bytes);
      else if (from.kind === "done") {
        isReusable = true;
        resolve(from.result);
      } else {
        isReusable = source === undefined;
        const cause = from.cause === undefined ? {} : { cause: new Error(from.cause) };
        reject(
          new GantryError(from.code, from.message, from.hint === undefined ? cause : { hint: from.hint, ...cause }),
        );
      }
    });
    thread.onError((message) => reject(new GantryError("internal", `a thread for layers failed: ${message}`)));
    const abort = (): void => {
      reject(new GantryError("cancelled", "cancelled", { cause: options.signal?.reason }));
    };
    options.signal?.addEventListener("abort", abort, { once: true });
    const post = (message: ToWorker, transfer: readonly ArrayBuffer[] = []): void => thread.post(message, transfer);
    if (options.pieces !== undefined) options.pieces.onTaken = (bytes) => post({ kind: "room", bytes });
    post({ kind: "task", task });
    if (source !== undefined) feed(source, window, post).then(undefined, reject);
    try {
      return await promise;
    } finally {
      options.signal?.removeEventListener("abort", abort);
      window.close();
      // A thread that still works on what nobody waits for any more is ended: it must not write after its folder is removed.
      if (isReusable && !this.#isClosed && this.#idle.length < IDLE_THREADS_MAX) {
        thread.keepAlive(false);
        this.#idle.push(thread);
        clearTimeout(this.#idleTimer);
        this.#idleTimer = setTimeout(() => this.#endIdle(), IDLE_MS);
        this.#idleTimer.unref();
      } else {
        await thread.terminate();
      }
    }
  }

  /** Ends idle threads; those at work end with their task. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idleTimer);
    await this.#endIdle();
  }

  async #endIdle(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()));
  }
}
