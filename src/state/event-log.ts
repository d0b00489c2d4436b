import type { Database, Statement } from "../platform/sqlite.ts";
import type { Migration } from "./migration.ts";

/** What an event is about, in Docker's words. */
export type EventType = "container" | "image" | "network" | "volume" | "daemon" | "builder" | "plugin";

/** Something that happened to an object, as `docker events` tells it. */
export interface Event {
  readonly type: EventType;
  /** `create`, `start`, `die`, `pull`, `exec_create: sh` … */
  readonly action: string;
  readonly actorId: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** When it occurred, which may be before it was recorded. */
  readonly timeNs: bigint;
}

/** An event with its place in the order of recording. */
export interface RecordedEvent extends Event {
  readonly seq: number;
}

export interface SubscribeOptions {
  /** Only what was recorded after this number. */
  readonly sinceSeq?: number;
  /** Only what occurred at or after this time, the past included. Without it and `sinceSeq`: only what comes. */
  readonly sinceNs?: bigint;
  /** Ends at this time. */
  readonly untilNs?: bigint;
  readonly signal?: AbortSignal;
}

/** The log of what happened. */
export interface EventLog {
  /** Records an event in the caller's transaction: it is there exactly if that commits. */
  append(event: Event): void;
  /**
   * What was recorded and what will be, each event once, in order. A slow reader costs no memory: it has only a place in
   * the log. One that falls behind the retention misses what was dropped.
   */
  subscribe(options?: SubscribeOptions): AsyncIterable<RecordedEvent>;
}

/** How many events are kept. */
const EVENTS_RETAINED = 20_000;
const TRIM_EVERY = 500;
const PAGE_SIZE = 256;

export const EVENT_MIGRATION: Migration = {
  number: 1,
  title: "event log",
  sql: `CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ns INTEGER NOT NULL,
    type TEXT NOT NULL,
    action TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    attributes TEXT NOT NULL
  ) STRICT`,
};

interface EventRow {
  readonly seq: number;
  readonly time_ns: string;
  readonly type: string;
  readonly action: string;
  readonly actor_id: string;
  readonly attributes: string;
}

function toEvent(row: EventRow): RecordedEvent {
  return {
    seq: row.seq,
    type: row.type as EventType,
    action: row.action,
    actorId: row.actor_id,
    attributes: JSON.parse(row.attributes) as Record<string, string>,
    timeNs: BigInt(row.time_ns),
  };
}

/** The event log in the database. `wake` is to be called after each commit that appended. */
export class StoredEventLog implements EventLog {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #insert: Statement;
  readonly #page: Statement<EventRow, [number, number]>;
  readonly #waiting = new Set<() => void>();
  #hasNews = false;
  #isClosed = false;

  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
    this.#insert = db.query(
      "INSERT INTO events (time_ns, type, action, actor_id, attributes) VALUES (?, ?, ?, ?, ?) RETURNING seq",
    );
    this.#page = db.query<EventRow, [number, number]>(
      "SELECT seq, CAST(time_ns AS TEXT) AS time_ns, type, action, actor_id, attributes FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
    );
  }

  append(event: Event): void {
    const row = this.#insert.get(
      event.timeNs,
      event.type,
      event.action,
      event.actorId,
      JSON.stringify(event.attributes),
    ) as { seq: number };
    if (row.seq % TRIM_EVERY === 0) this.#db.run("DELETE FROM events WHERE seq <= ?", [row.seq - EVENTS_RETAINED]);
    this.#hasNews = true;
    if (!this.#db.inTransaction) this.wake();
  }

  /** Tells subscribers that there is something new. Does nothing if there is not. */
  wake(): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#release();
  }

  /** Ends all subscriptions. */
  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  #release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resume of waiting) resume();
  }

  #lastSeq(): number {
    const row = this.#db.query<{ seq: number | null }, []>("SELECT max(seq) AS seq FROM events").get();
    return row?.seq ?? 0;
  }

  subscribe(options: SubscribeOptions = {}): AsyncIterable<RecordedEvent> {
    // The place is taken now, not when the first event is asked for: nothing between is lost.
    const isLiveOnly = options.sinceSeq === undefined && options.sinceNs === undefined;
    return this.#follow(options.sinceSeq ?? (isLiveOnly ? this.#lastSeq() : 0), options);
  }

  async *#follow(place: number, options: SubscribeOptions): AsyncGenerator<RecordedEvent> {
    const { sinceNs, untilNs, signal } = options;
    let seq = place;
    while (!this.#isClosed && signal?.aborted !== true) {
      const rows = this.#page.all(seq, PAGE_SIZE);
      for (const row of rows) {
        seq = row.seq;
        const event = toEvent(row);
        if (sinceNs !== undefined && event.timeNs < sinceNs) continue;
        if (untilNs !== undefined && event.timeNs > untilNs) continue;
        yield event;
        if (this.#isClosed) return;
      }
      if (rows.length > 0) continue;
      const remainingMs = untilNs === undefined ? undefined : Number(untilNs / 1_000_000n) - this.#now();
      if (remainingMs !== undefined && remainingMs <= 0) return;
      await this.#change(remainingMs, signal);
    }
  }

  /** Resolves at the next commit with events, at the end of the time, or when the reader gives up. */
  #change(timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => resume(), Math.min(timeoutMs, 2 ** 31 - 1));
      const resume = (): void => {
        this.#waiting.delete(resume);
        clearTimeout(timer);
        signal?.removeEventListener("abort", resume);
        resolve();
      };
      this.#waiting.add(resume);
      signal?.addEventListener("abort", resume, { once: true });
    });
  }
}
