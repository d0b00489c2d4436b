import { chmodSync, statSync, writeFileSync } from "node:fs";
import { diskError, isDatabaseDiskError } from "../errors/disk-error.ts";
import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import { Database } from "../platform/sqlite.ts";
import { EVENT_MIGRATION, type EventLog, StoredEventLog } from "./event-log.ts";
import { GroupCommit } from "./group-commit.ts";
import { applyMigrations, type Migration } from "./migration.ts";
import { damagedDatabase, requireNotEmptied, requireWhole } from "./require-whole.ts";
import { keepSpareRoom } from "./spare-room.ts";

export interface OpenStateOptions {
  /** Those of all rooms; the state's own are added. */
  readonly migrations: readonly Migration[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const BUSY_TIMEOUT_MS = 10_000;

/** The database that is the truth about a root, and the log of what happened. */
export class State implements Disposable {
  readonly db: Database;
  readonly events: EventLog;
  readonly now: () => number;
  readonly #log: StoredEventLog;
  readonly #group: GroupCommit;

  private constructor(db: Database, now: () => number) {
    this.db = db;
    this.now = now;
    this.#log = new StoredEventLog(db, now);
    this.events = this.#log;
    this.#group = new GroupCommit({
      transaction: (work) => this.transaction(work),
      isOpen: () => db.inTransaction,
    });
  }

  /**
   * Opens the database at `path`, made and migrated as needed, and readable by its owner alone. What a transaction wrote is safe
   * against power loss.
   *
   * @throws `unsupported` if a newer gantry migrated it further; `data-loss` if it is damaged or no database; `exhausted` if the disk is
   *   full; `unavailable`
   */
  static open(path: string, options: OpenStateOptions): State {
    let db: Database | undefined;
    try {
      requireNotEmptied(path);
      keepToOwner(path);
      db = new Database(path, { create: true, readwrite: true, strict: true });
      db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
      db.run("PRAGMA journal_mode = WAL");
      db.run("PRAGMA synchronous = FULL");
      db.run("PRAGMA foreign_keys = ON");
      requireWhole(db, path);
      applyMigrations(db, [EVENT_MIGRATION, ...options.migrations], options.now());
      keepSpareRoom(db, path);
      return new State(db, options.now);
    } catch (cause) {
      db?.close();
      if (isGantryError(cause)) throw cause;
      const isDamaged =
        cause instanceof Error && "code" in cause && /^SQLITE_(NOTADB|CORRUPT)/.test(String(cause.code));
      if (isDamaged) throw damagedDatabase(path, cause);
      const what = `cannot open the database ${path}`;
      const problem = diskError(what, cause);
      throw isGantryError(problem, "exhausted") ? problem : new GantryError("unavailable", what, { cause });
    }
  }

  /**
   * Runs `work` in one transaction, committed and on disk when this returns, rolled back if it throws. Inside of another
   * one it is a part of that. `work` must not wait.
   *
   * @throws `exhausted` if the disk is full and the spare room used up; `unavailable` if it fails or is read-only
   */
  transaction<T>(work: () => T): T {
    if (this.db.inTransaction) return this.db.transaction(work)();
    try {
      const result = this.db.transaction(work).immediate();
      this.#log.wake();
      return result;
    } catch (error) {
      throw isDatabaseDiskError(error) ? diskError("cannot write the database", error) : error;
    }
  }

  /**
   * As `transaction`, a moment later, and in one commit with whatever else is asked for in this turn: many at once wait for the disk
   * once. Work that throws is rolled back alone.
   */
  transactionTogether<T>(work: () => T): Promise<T> {
    return this.#group.run(work);
  }

  /** Ends all subscriptions and closes the database. Idempotent. */
  close(): void {
    this.#log.close();
    this.db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Environments of containers and names of private repositories are nobody else's, and a root's folder is passed through by others.
 * SQLite's files beside it get the same mode.
 */
function keepToOwner(path: string): void {
  // Never opened here: to close it would end the locks of this process's other connections.
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) writeFileSync(path, "", { mode: 0o600, flag: "wx" });
  else if ((mode & 0o077) !== 0) chmodSync(path, 0o600);
}
