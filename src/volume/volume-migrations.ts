import type { Migration } from "../state/migration.ts";

/** The volumes' tables. Numbers 400 to 499 are the volumes'. */
export const VOLUME_MIGRATIONS: readonly Migration[] = [
  {
    number: 400,
    title: "volumes",
    sql: `CREATE TABLE volumes (
      name TEXT PRIMARY KEY,
      created_ns TEXT NOT NULL,
      labels TEXT NOT NULL,
      is_anonymous INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  },
  { number: 401, title: "volumes that are being made", sql: "ALTER TABLE volumes ADD COLUMN pending_for TEXT" },
];
