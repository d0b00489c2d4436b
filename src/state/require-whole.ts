import { statSync } from "node:fs";
import { GantryError } from "../errors/gantry-error.ts";
import type { Database } from "../platform/sqlite.ts";

/** What every database that was written to begins with (SQLite's "Database File Format", 1.3). */
const HEADER_BYTES = 100;

/** What is said of a file that is not what was written. */
export function damagedDatabase(path: string, cause?: unknown): GantryError {
  return new GantryError("data-loss", `${path} is damaged, or no database of gantry's`, {
    // Blobs that are newer than the database would be taken for leftovers.
    hint: "restore the whole root from a copy, or use another --root",
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Refuses a file that was emptied, which SQLite takes for a new database: its log beside, which SQLite would remove, says that it is none.
 *
 * @throws `data-loss`
 */
export function requireNotEmptied(path: string): void {
  const sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const logBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const isNew = sizeBytes === 0 && logBytes === 0;
  if (!isNew && sizeBytes < HEADER_BYTES) throw damagedDatabase(path);
}

/**
 * Refuses a file that was cut short. Where there is a log SQLite does not look at the file's size, and reads what is missing as zeros:
 * after a crash the rest may be in the log. Only then is all of it looked at.
 *
 * @throws `data-loss`
 */
export function requireWhole(db: Database, path: string): void {
  const { page_count: pages } = db.query("PRAGMA page_count").get() as { page_count: number };
  const { page_size: pageBytes } = db.query("PRAGMA page_size").get() as { page_size: number };
  if (statSync(path).size >= pages * pageBytes) return;
  const { quick_check: finding } = db.query("PRAGMA quick_check(1)").get() as { quick_check: string };
  if (finding !== "ok") throw damagedDatabase(path, new Error(finding));
}
