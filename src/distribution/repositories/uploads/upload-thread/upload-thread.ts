import type { FileHandle } from "node:fs/promises";
import { GantryError } from "../../../../errors/gantry-error.ts";
import type { Digest, DigestAlgorithm } from "../../../../oci/digest.ts";
import type { BodyPlace } from "../../../../platform/http/body-receiver.ts";
import { startWorker, type WorkerThread } from "../../../../platform/worker.ts";
import type { RunningHash } from "../running-hash.ts";
import type { UploadAnswer, UploadCall } from "./upload-protocol.ts";

/** Relative to the repository; listed in `scripts/worker-entrypoints.ts`. */
const UPLOAD_WORKER_PATH = "src/distribution/repositories/uploads/upload-thread/upload-worker.ts";

/** The thread takes some ten megabytes: it ends when nobody has asked it for so long. What it hashed is then hashed anew from the files. */
const IDLE_MS = 30_000;

type Call = Exclude<UploadCall, { kind: "drop" }>;

/**
 * A thread that hashes what is large, and writes it: hashing takes half of the time that a push costs the processor, and on the thread that
 * serves nobody else would be answered meanwhile. It is there while it is needed.
 */
export class UploadThread implements AsyncDisposable {
  readonly #idleMs: number;
  readonly #calls = new Map<number, PromiseWithResolvers<UploadAnswer>>();
  readonly #hashes = new Set<number>();
  #thread: WorkerThread | undefined;
  #idle: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(options: { readonly idleMs?: number } = {}) {
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  /** How many hashes nobody has ended. */
  get load(): number {
    return this.#hashes.size;
  }

  /** A hash in the thread, which is started if it is not there. */
  begin(algorithm: DigestAlgorithm): RunningHash {
    const thread = this.#start();
    this.#count += 1;
    const hash = this.#count;
    this.#hashes.add(hash);
    const isHere = (): boolean => this.#thread === thread;
    return {
      get isLost() {
        return !isHere();
      },
      write: async (file: FileHandle, chunk: Uint8Array, position: number, place?: BodyPlace) => {
        const where = { fd: file.fd, position, ...(place === undefined ? {} : { place }) };
        const answer = await this.#ask({ kind: "write", call: 0, hash, algorithm, chunk, ...where }, chunk);
        if (place !== undefined) place.takenBytes = answer.takenBytes ?? 0;
        requireDone(answer);
      },
      digest: async () => {
        this.#hashes.delete(hash);
        const answer = await this.#ask({ kind: "digest", call: 0, hash });
        requireDone(answer);
        return `${algorithm}:${answer.digest}` as Digest;
      },
      drop: () => {
        this.#hashes.delete(hash);
        if (isHere()) thread.post({ kind: "drop", hash } satisfies UploadCall);
      },
    };
  }

  #start(): WorkerThread {
    if (this.#thread !== undefined) return this.#thread;
    const thread = startWorker(UPLOAD_WORKER_PATH);
    this.#thread = thread;
    // Requests keep the process, where there are any.
    thread.keepAlive(false);
    thread.onMessage((message) => this.#settle(message as UploadAnswer));
    // It may tell of several errors, and be replaced after the first.
    thread.onError((message) => void (this.#thread === thread && this.#fail(message)));
    return thread;
  }

  async #ask(task: Call, chunk?: Uint8Array): Promise<UploadAnswer> {
    const thread = this.#thread;
    if (thread === undefined) throw new GantryError("internal", "the thread that writes uploads has ended");
    this.#count += 1;
    const call = this.#count;
    const pending = Promise.withResolvers<UploadAnswer>();
    this.#calls.set(call, pending);
    clearTimeout(this.#idle);
    thread.post({ ...task, call }, chunk === undefined ? [] : ownBuffer(chunk));
    return await pending.promise;
  }

  #settle(answer: UploadAnswer): void {
    this.#calls.get(answer.call)?.resolve(answer);
    this.#calls.delete(answer.call);
    if (this.#calls.size > 0) return;
    this.#idle = setTimeout(() => void this.#end(), this.#idleMs);
    this.#idle.unref();
  }

  async #fail(message: string): Promise<void> {
    // While it ends the next one may have begun with something else.
    const lost = [...this.#calls.values()];
    this.#calls.clear();
    // First the thread: whoever hears of the failure closes the file.
    await this.#end();
    const cause = new Error(message);
    for (const { reject } of lost)
      reject(new GantryError("internal", "the thread that writes uploads failed", { cause }));
  }

  async #end(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    this.#hashes.clear();
    await thread?.terminate();
  }

  /** Ends the thread when it has done what it was asked. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#calls.values()].map(({ promise }) => promise));
    await this.#end();
  }
}

function requireDone({ problem }: UploadAnswer): void {
  if (problem !== undefined) throw Object.assign(new Error(problem.message), { code: problem.code });
}

/** What can be given to another thread without a copy. */
function ownBuffer({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
