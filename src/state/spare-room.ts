import { statSync } from "node:fs";
import { constants, type Database } from "../platform/sqlite.ts";

/** What the database and its write-ahead log each keep free for a full disk: many stops and removals. */
const SPARE_PAGES = 512;
const PAGE_BYTES = 4096;
/** So often the log is copied into the database and begun anew: well before it needs more than its spare room. */
const CHECKPOINT_PAGES = SPARE_PAGES / 2;

/**
 * Keeps room inside of the database's files, so that on a full disk containers can still be stopped and removed: what frees the
 * disk again must not fail because it is recorded.
 *
 * SQLite needs room twice, in the write-ahead log and in the database. The log keeps its size over checkpoints and, as asked
 * here, over a restart; the database keeps pages of deleted rows as free ones. Both are used up and filled again at the next
 * opening. Without room on the disk now nothing is kept.
 */
export function keepSpareRoom(db: Database, path: string): void {
  db.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
  db.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false });
  const { freelist_count: freePages } = db.query("PRAGMA freelist_count").get() as { freelist_count: number };
  if (freePages >= CHECKPOINT_PAGES && (log?.size ?? 0) >= CHECKPOINT_PAGES * PAGE_BYTES) return;
  // No row depends on it: only the checkpoint waits for the disk.
  db.run("PRAGMA synchronous = NORMAL");
  try {
    // Committed before it is dropped: pages that are freed in the transaction that took them are never written.
    db.run("CREATE TABLE IF NOT EXISTS spare_room (bytes BLOB)");
    db.run(`INSERT INTO spare_room VALUES (zeroblob(${SPARE_PAGES * PAGE_BYTES}))`);
  } catch {
    // No room: as without all this.
  }
  try {
    db.run("DROP TABLE IF EXISTS spare_room");
  } catch {
    // As above; the next opening tries again.
  }
  db.run("PRAGMA synchronous = FULL");
}
