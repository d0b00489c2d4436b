import type { Migration } from "../../state/migration.ts";

/** What the registry keeps: which repository holds which manifests and blobs, and their tags. A repository is there while it holds something. */
export const REGISTRY_MIGRATIONS: readonly Migration[] = [
  {
    number: 500,
    title: "repositories of the registry",
    sql: `
      CREATE TABLE repository_blobs (
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        linked_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);
      CREATE TABLE repository_manifests (
        repository TEXT NOT NULL,
        digest TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        artifact_type TEXT,
        subject TEXT,
        annotations TEXT,
        pushed_ms INTEGER NOT NULL,
        pulled_ms INTEGER,
        PRIMARY KEY (repository, digest)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX repository_manifests_by_digest ON repository_manifests (digest);
      CREATE INDEX repository_manifests_by_subject ON repository_manifests (repository, subject, digest)
        WHERE subject IS NOT NULL;
      CREATE TABLE repository_tags (
        repository TEXT NOT NULL,
        tag TEXT NOT NULL,
        digest TEXT NOT NULL,
        tagged_ms INTEGER NOT NULL,
        PRIMARY KEY (repository, tag)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX repository_tags_by_digest ON repository_tags (repository, digest);
      CREATE INDEX blob_edges_by_child ON blob_edges (child);
    `,
  },
];

/** What repositories keep from collection (`ContentStore.open`, `roots`). */
export const REGISTRY_ROOTS: readonly string[] = [
  "SELECT digest FROM repository_manifests",
  "SELECT digest FROM repository_blobs",
];
