import type { Migration } from "../state/migration.ts";

/** What the content store keeps in the database. Edges of the reference graph are rows, not counters. */
export const CONTENT_MIGRATIONS: readonly Migration[] = [
  {
    number: 100,
    title: "blobs, their references, names of images",
    sql: `
      CREATE TABLE blobs (
        digest TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE blob_edges (
        parent TEXT NOT NULL,
        child TEXT NOT NULL,
        PRIMARY KEY (parent, child)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE image_names (
        name TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,
        updated_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX image_names_by_digest ON image_names (digest);
      CREATE TABLE content_holds (
        owner TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (owner, digest)
      ) STRICT, WITHOUT ROWID;
    `,
  },
  {
    number: 101,
    title: "collection asks from below",
    sql: `
      CREATE INDEX IF NOT EXISTS blob_edges_by_child ON blob_edges (child);
      CREATE INDEX content_holds_by_digest ON content_holds (digest);
    `,
  },
  {
    number: 102,
    title: "blobs that were damaged, and how far verifying has come",
    sql: `
      CREATE TABLE quarantined_blobs (
        digest TEXT PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        found_ms INTEGER NOT NULL,
        finding TEXT NOT NULL,
        needed_by TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE content_scrub (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        place TEXT NOT NULL,
        finished_ms INTEGER
      ) STRICT;
    `,
  },
  {
    number: 103,
    title: "where the bytes of blobs lie",
    sql: `
      CREATE TABLE content_storage (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        kind TEXT NOT NULL,
        id TEXT NOT NULL
      ) STRICT;
    `,
  },
];
