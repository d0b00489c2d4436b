import type { Migration } from "../state/migration.ts";

/** What snapshots keep in the database. */
export const IMAGE_MIGRATIONS: readonly Migration[] = [
  {
    number: 120,
    title: "snapshots",
    sql: `
      CREATE TABLE snapshots (
        chain_id TEXT PRIMARY KEY,
        parent TEXT,
        diff_id TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        is_opaque INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
