import { availableParallelism } from "node:os";
import type { DigestAlgorithm } from "../../../../oci/digest.ts";
import type { RunningHash } from "../running-hash.ts";
import { UploadThread } from "./upload-thread.ts";

/** Each takes some ten megabytes, and hashes some gigabyte a second. */
const THREADS_MAX = 4;

/** As many threads as there are processors: what is uploaded at once is spread over them. Each is there while it is needed. */
export class UploadThreads implements AsyncDisposable {
  readonly #threads: readonly UploadThread[];

  constructor(count = Math.min(availableParallelism(), THREADS_MAX)) {
    this.#threads = Array.from({ length: count }, () => new UploadThread());
  }

  /** A hash in the thread that has the fewest. */
  begin(algorithm: DigestAlgorithm): RunningHash {
    const thread = this.#threads.reduce((least, one) => (one.load < least.load ? one : least));
    return thread.begin(algorithm);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }
}
