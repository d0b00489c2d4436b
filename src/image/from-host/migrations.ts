import type { Migration } from "../../state/migration.ts";

/** Images that were packed from this host, by what went into them. */
export const FROM_HOST_MIGRATIONS: readonly Migration[] = [
  {
    number: 150,
    title: "images from this host",
    sql: `
      CREATE TABLE host_images (
        key TEXT PRIMARY KEY,
        manifest TEXT NOT NULL,
        used_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
