import { formatError } from "../../errors/gantry-error.ts";
import { S3Error } from "../../s3/s3-error.ts";

export interface BucketAlarmParts {
  readonly nowMs: () => number;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

const QUIET_MS = 60_000;

/** Each client hears that the bucket failed it; whoever runs the registry hears of one failure a minute. */
export class BucketAlarm {
  readonly #parts: BucketAlarmParts;
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  constructor(parts: BucketAlarmParts) {
    this.#parts = parts;
  }

  /** Passes a failure on. */
  raise(failure: unknown): never {
    const { nowMs, warn } = this.#parts;
    if (failure instanceof S3Error && nowMs() >= this.#quietUntilMs) {
      this.#quietUntilMs = nowMs() + QUIET_MS;
      warn(`clients are told 503: ${formatError(failure)}`);
    }
    throw failure;
  }
}
