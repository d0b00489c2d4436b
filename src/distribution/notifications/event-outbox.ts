import type { State } from "../../state/state.ts";
import { withoutSync } from "../../state/without-sync.ts";
import type { NotificationEndpoint } from "./parse-notifications.ts";
import type { RegistryAction, RegistryEvent } from "./registry-event.ts";

/** An event with its place in the order of recording. */
export interface QueuedEvent {
  readonly seq: number;
  readonly event: RegistryEvent;
}

/** The most events that wait for endpoints which do not hear: the oldest go. */
const EVENTS_RETAINED = 50_000;
const TRIM_EVERY = 500;
/** How long events that nothing depends on are gathered. */
const GATHER_MS = 200;
const GATHERED_MAX = 5000;
const RETRY_MS = 2000;

/**
 * What is to be told, in the database: what changed something is committed with the change, so that whoever listens hears of each
 * at least once, over a killed process too. What only happened (pulls) is gathered, and the last of it may be lost then.
 */
export class EventOutbox implements Disposable {
  readonly #state: State;
  readonly #waiting = new Set<() => void>();
  #gathered: RegistryEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(state: State) {
    this.#state = state;
  }

  /** Records an event in the caller's transaction. */
  append(event: RegistryEvent): void {
    const row = this.#state.db
      .query<{ seq: number }, [string, string]>(
        "INSERT INTO registry_events (action, event) VALUES (?, ?) RETURNING seq",
      )
      .get(event.action, JSON.stringify(event));
    if (row !== null && row.seq % TRIM_EVERY === 0) {
      this.#state.db.run("DELETE FROM registry_events WHERE seq <= ?", [row.seq - EVENTS_RETAINED]);
    }
    // Seen by readers when the transaction is committed, which is before their turn comes.
    this.#wake();
  }

  /** Records an event a moment later, with others. */
  appendLater(event: RegistryEvent): void {
    if (this.#gathered.length >= GATHERED_MAX) return;
    this.#gathered.push(event);
    this.#flushIn(GATHER_MS);
  }

  #flushIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.flush(), ms).unref();
  }

  /** Records what was gathered; what cannot be recorded, on a full disk, waits for a better moment. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const events = this.#gathered;
    if (events.length === 0) return;
    try {
      withoutSync(this.#state.db, () =>
        this.#state.transaction(() => {
          for (const event of events) this.append(event);
        }),
      );
      this.#gathered = [];
    } catch {
      // Nothing depends on it, and whoever changes something is told why that fails.
      this.#flushIn(RETRY_MS);
    }
  }

  /** The next events after a place, in order, without those of `ignored` actions. */
  read(afterSeq: number, limit: number, ignored: readonly RegistryAction[] = []): readonly QueuedEvent[] {
    return this.#state.db
      .query<{ seq: number; event: string }, [number, string, number]>(
        `SELECT seq, event FROM registry_events
         WHERE seq > ? AND action NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?`,
      )
      .all(afterSeq, JSON.stringify(ignored), limit)
      .map(({ seq, event }) => ({ seq, event: JSON.parse(event) as RegistryEvent }));
  }

  /** The number of the newest event. */
  newest(): number {
    return (
      this.#state.db
        .query<{ seq: number | null }, []>("SELECT seq FROM sqlite_sequence WHERE name = 'registry_events'")
        .get()?.seq ?? 0
    );
  }

  /** How many events wait for the endpoint that is furthest behind; what it ignores does not wait for it. */
  pending(endpoints: readonly Pick<NotificationEndpoint, "name" | "ignoredActions">[]): number {
    const count = this.#state.db.query<{ pending: number }, [string, string]>(
      `SELECT count(*) AS pending FROM registry_endpoints JOIN registry_events ON seq > heard_seq
       WHERE name = ? AND action NOT IN (SELECT value FROM json_each(?))`,
    );
    const counts = endpoints.map((one) => count.get(one.name, JSON.stringify(one.ignoredActions))?.pending ?? 0);
    return Math.max(0, ...counts);
  }

  /** How far an endpoint has heard; one that is new hears from now on. */
  heard(endpoint: string): number {
    const find = this.#state.db.query<{ heard_seq: number }, [string]>(
      "SELECT heard_seq FROM registry_endpoints WHERE name = ?",
    );
    const row = find.get(endpoint);
    if (row !== null) return row.heard_seq;
    const newest = this.newest();
    this.setHeard(endpoint, newest);
    return newest;
  }

  /** After a power cut an endpoint may hear some again: at least once. */
  setHeard(endpoint: string, seq: number): void {
    withoutSync(this.#state.db, () =>
      this.#state.transaction(() =>
        this.#state.db.run(
          `INSERT INTO registry_endpoints (name, heard_seq) VALUES (?, ?)
           ON CONFLICT DO UPDATE SET heard_seq = excluded.heard_seq`,
          [endpoint, seq],
        ),
      ),
    );
  }

  /** Resolves when there may be something new, or at the signal. */
  change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        this.#waiting.delete(resume);
        signal.removeEventListener("abort", resume);
        resolve();
      };
      if (signal.aborted) return resolve();
      this.#waiting.add(resume);
      signal.addEventListener("abort", resume, { once: true });
    });
  }

  #wake(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  [Symbol.dispose](): void {
    this.flush();
    clearTimeout(this.#timer);
  }
}
