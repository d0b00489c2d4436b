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
];
