import type { Migration } from "../state/migration.ts";

/** Identity's tables: 600–699. */
export const IDENTITY_MIGRATIONS: readonly Migration[] = [
  {
    number: 600,
    title: "refresh tokens",
    sql: `CREATE TABLE refresh_tokens (
      hash BLOB PRIMARY KEY,
      user TEXT NOT NULL,
      service TEXT NOT NULL,
      client_id TEXT NOT NULL,
      mark TEXT NOT NULL,
      created_ms INTEGER NOT NULL,
      used_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user, used_ms);`,
  },
];
