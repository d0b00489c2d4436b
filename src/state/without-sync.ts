import type { Database } from "../platform/sqlite.ts";

/**
 * Commits what `work` writes without waiting for the disk: safe against a killed process, not against a power cut, which
 * takes the last such commits (in WAL mode NORMAL leaves out the fsync of each commit). For what is rebuilt after a boot.
 */
export function withoutSync<T>(db: Database, work: () => T): T {
  db.run("PRAGMA synchronous = NORMAL");
  try {
    return work();
  } finally {
    db.run("PRAGMA synchronous = FULL");
  }
}
