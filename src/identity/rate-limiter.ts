import { RecentMap } from "./recent-map.ts";

const BUCKETS_MAX = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Token buckets by key, of which the latest used are kept: one that was dropped is full again. */
export class RateLimiter {
  readonly #now: () => number;
  readonly #buckets = new RecentMap<string, Bucket>(BUCKETS_MAX);

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes one token. @returns 0, or the milliseconds until there is one. */
  take(key: string, rate: { readonly requestsPerSecond: number; readonly burst: number }): number {
    const nowMs = this.#now();
    const bucket = this.#buckets.get(key) ?? { tokens: rate.burst, atMs: nowMs };
    const passedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.tokens = Math.min(rate.burst, bucket.tokens + (passedMs / 1000) * rate.requestsPerSecond);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / rate.requestsPerSecond) * 1000);
    bucket.tokens -= 1;
    return 0;
  }
}
