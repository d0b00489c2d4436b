import { TooManyRequests } from "../access-problem.ts";
import { RecentMap } from "../recent-map.ts";
import { clientOf } from "./client-address.ts";

/** Failures that cost nothing: of one name from one client, of all names from one client. */
const NAME_FAILURES_FREE = 5;
const CLIENT_FAILURES_FREE = 50;
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 300_000;
/** Who was quiet for so long begins anew. */
const FORGOTTEN_AFTER_MS = 900_000;
const ENTRIES_MAX = 10_000;

interface Failures {
  count: number;
  blockedUntilMs: number;
  lastMs: number;
}

/** Who tries a password. */
export interface Attempt {
  readonly name: string;
  readonly address: string;
}

/**
 * Slows guessing down: after some failures each further one doubles the time until the next try, for a name from a client, and
 * for a client whatever names it tries. Nobody is locked out by what happens at another address.
 */
export class AttemptLimiter {
  readonly #now: () => number;
  readonly #names = new RecentMap<string, Failures>(ENTRIES_MAX);
  readonly #clients = new RecentMap<string, Failures>(ENTRIES_MAX);

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @throws TooManyRequests if the next attempt must wait. */
  requireFree(attempt: Attempt): void {
    const failures = this.#failuresOf(attempt);
    const untilMs = Math.max(failures.name.blockedUntilMs, failures.client.blockedUntilMs);
    const waitMs = untilMs - this.#now();
    if (waitMs > 0) throw new TooManyRequests("too many failed logins", waitMs);
  }

  /** Counts an attempt as failed before it is made, so that many at once are counted too; `succeeded` and `abandoned` take that back. */
  begin(attempt: Attempt): void {
    const failures = this.#failuresOf(attempt);
    this.#count(failures.name, NAME_FAILURES_FREE);
    this.#count(failures.client, CLIENT_FAILURES_FREE);
  }

  /** The name begins anew; the client has one failure less, not none: it may own one account and guess at others. */
  succeeded(attempt: Attempt): void {
    this.#uncount(this.#failuresOf(attempt).client, CLIENT_FAILURES_FREE);
    this.#names.delete(nameKey(attempt));
  }

  /** The attempt was not made after all. */
  abandoned(attempt: Attempt): void {
    const failures = this.#failuresOf(attempt);
    this.#uncount(failures.name, NAME_FAILURES_FREE);
    this.#uncount(failures.client, CLIENT_FAILURES_FREE);
  }

  #failuresOf(attempt: Attempt): { readonly name: Failures; readonly client: Failures } {
    return {
      name: this.#entry(this.#names, nameKey(attempt)),
      client: this.#entry(this.#clients, clientOf(attempt.address)),
    };
  }

  #entry(map: RecentMap<string, Failures>, key: string): Failures {
    const nowMs = this.#now();
    const known = map.get(key);
    // A clock that was put back would keep somebody waiting for as long as it was.
    const isPast = known !== undefined && known.lastMs <= nowMs;
    if (isPast && nowMs - Math.max(known.lastMs, known.blockedUntilMs) < FORGOTTEN_AFTER_MS) return known;
    const fresh = { count: 0, blockedUntilMs: 0, lastMs: nowMs };
    map.set(key, fresh);
    return fresh;
  }

  #count(failures: Failures, free: number): void {
    failures.count += 1;
    failures.lastMs = this.#now();
    failures.blockedUntilMs = failures.lastMs + delayAfter(failures.count - free);
  }

  #uncount(failures: Failures, free: number): void {
    failures.count = Math.max(0, failures.count - 1);
    failures.blockedUntilMs = Math.min(failures.blockedUntilMs, failures.lastMs + delayAfter(failures.count - free));
  }
}

/** @param excess failures more than those that cost nothing */
function delayAfter(excess: number): number {
  return excess < 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(excess, 20));
}

/** No user has a longer name: what an attacker sends is not kept whole. */
const NAME_LENGTH_KEPT = 129;

function nameKey({ name, address }: Attempt): string {
  return `${clientOf(address)} ${name.slice(0, NAME_LENGTH_KEPT)}`;
}
