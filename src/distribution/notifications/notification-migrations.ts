import type { Migration } from "../../state/migration.ts";

/** Events that are still to be told, and how far each endpoint has heard. */
export const NOTIFICATION_MIGRATIONS: readonly Migration[] = [
  {
    number: 520,
    title: "notifications of the registry",
    sql: `
      CREATE TABLE registry_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        action TEXT NOT NULL,
        event TEXT NOT NULL
      ) STRICT;
      CREATE TABLE registry_endpoints (
        name TEXT PRIMARY KEY,
        heard_seq INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
