import { GantryError } from "../../errors/gantry-error.ts";
import { startWorker, type WorkerThread } from "../../platform/worker.ts";
import type { Verification, VerifyTask } from "./scrub-protocol.ts";

/** Relative to the repository; listed in `scripts/worker-entrypoints.ts`. */
const SCRUB_WORKER_PATH = "src/content/scrub/scrub-worker.ts";

/** A thread that reads files and hashes them, one at a time. */
export class FileVerifier implements AsyncDisposable {
  #thread: WorkerThread | undefined;

  /** What is in a file. @throws `cancelled` at the signal; then the thread is gone, and the next call has another. */
  async verify(task: VerifyTask, options: { readonly signal?: AbortSignal } = {}): Promise<Verification> {
    options.signal?.throwIfAborted();
    const thread = this.#thread ?? startWorker(SCRUB_WORKER_PATH);
    this.#thread = thread;
    const { promise, resolve, reject } = Promise.withResolvers<Verification>();
    thread.onMessage((message) => resolve(message as Verification));
    thread.onError((message) =>
      reject(new GantryError("internal", `the thread that verifies blobs failed: ${message}`)),
    );
    const abort = (): void => reject(new GantryError("cancelled", "cancelled", { cause: options.signal?.reason }));
    options.signal?.addEventListener("abort", abort, { once: true });
    thread.post(task);
    try {
      return await promise;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends the thread, whatever it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }
}
