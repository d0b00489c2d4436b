import { GantryError } from "../errors/gantry-error.ts";

/** Name and password, token or certificate are not good: the answer is 401 with a challenge, not 403. */
export class WrongCredentials extends GantryError {
  constructor(message: string, hint?: string) {
    super("permission-denied", message, hint === undefined ? {} : { hint });
  }
}

const RETRY_AFTER_MS_MAX = 86_400_000;

/** Asked too often: the answer is 429 with `Retry-After`. */
export class TooManyRequests extends GantryError {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    // A limit may be a request in a thousand years: a header says no such number.
    const afterMs = Math.min(retryAfterMs, RETRY_AFTER_MS_MAX);
    super("exhausted", message, { hint: `try again in ${Math.max(1, Math.ceil(afterMs / 1000))} s` });
    this.retryAfterMs = afterMs;
  }
}

/** More than a quota allows: the answer is 403 DENIED, since waiting does not help. */
export class QuotaExceeded extends GantryError {
  constructor(message: string) {
    super("exhausted", message, { hint: "delete something first, or ask for more room" });
  }
}
