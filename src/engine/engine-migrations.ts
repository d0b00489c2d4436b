import type { Migration } from "../state/migration.ts";

/** The engine's tables. Numbers 200 to 299 are the engine's; a number once released never changes its meaning. */
export const ENGINE_MIGRATIONS: readonly Migration[] = [
  {
    number: 200,
    title: "containers",
    sql: `CREATE TABLE engine_containers (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      record TEXT NOT NULL
    ) STRICT, WITHOUT ROWID`,
  },
  {
    number: 201,
    title: "ends of removed containers",
    sql: `
      CREATE TABLE engine_exits (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        removed_ns INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        has_log INTEGER NOT NULL,
        is_terminal INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX engine_exits_by_time ON engine_exits (removed_ns);
    `,
  },
];
