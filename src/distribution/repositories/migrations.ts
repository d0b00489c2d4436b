import type { Migration } from "../../state/migration.ts";

/** Keeps `repository_usage` in the transaction of each change. */
function countingTriggers(table: "repository_blobs" | "repository_manifests"): string {
  return `
      CREATE TRIGGER ${table}_held AFTER INSERT ON ${table} BEGIN
        INSERT INTO repository_usage (repository, blobs, bytes) SELECT NEW.repository, 0, 0
          WHERE NOT EXISTS (SELECT 1 FROM repository_usage WHERE repository = NEW.repository);
        UPDATE repository_usage SET blobs = blobs + 1, bytes = bytes + NEW.size_bytes WHERE repository = NEW.repository;
      END;
      CREATE TRIGGER ${table}_left AFTER DELETE ON ${table} BEGIN
        UPDATE repository_usage SET blobs = blobs - 1, bytes = bytes - OLD.size_bytes WHERE repository = OLD.repository;
        DELETE FROM repository_usage WHERE repository = OLD.repository AND blobs = 0;
      END;`;
}

const OWNER = "(SELECT user FROM repository_owners WHERE repository = NEW.repository)";

/** Keeps `owner_usage` in the transaction of each change: whose a repository is does not change while it holds something. */
const OWNER_TRIGGERS = `
      CREATE TRIGGER repository_made AFTER INSERT ON repository_usage BEGIN
        INSERT INTO owner_usage (user, repositories, blobs, bytes)
          SELECT user, 0, 0, 0 FROM repository_owners AS o WHERE repository = NEW.repository
            AND NOT EXISTS (SELECT 1 FROM owner_usage WHERE user = o.user);
        UPDATE owner_usage SET repositories = repositories + 1, blobs = blobs + NEW.blobs, bytes = bytes + NEW.bytes
          WHERE user = ${OWNER};
      END;
      CREATE TRIGGER repository_changed AFTER UPDATE ON repository_usage BEGIN
        UPDATE owner_usage SET blobs = blobs + NEW.blobs - OLD.blobs, bytes = bytes + NEW.bytes - OLD.bytes
          WHERE user = ${OWNER};
      END;
      CREATE TRIGGER repository_emptied AFTER DELETE ON repository_usage BEGIN
        UPDATE owner_usage SET repositories = repositories - 1, blobs = blobs - OLD.blobs, bytes = bytes - OLD.bytes
          WHERE user = ${OWNER.replace("NEW", "OLD")};
        DELETE FROM owner_usage WHERE repositories = 0 AND user = ${OWNER.replace("NEW", "OLD")};
      END;`;

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
    `,
  },
  {
    number: 501,
    title: "what repositories hold in bytes, and since when nothing needs a manifest",
    sql: `
      ALTER TABLE repository_blobs ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
      UPDATE repository_blobs SET size_bytes =
        coalesce((SELECT size_bytes FROM blobs WHERE blobs.digest = repository_blobs.digest), 0);
      ALTER TABLE repository_manifests ADD COLUMN released_ms INTEGER;
      CREATE TABLE repository_usage (
        repository TEXT PRIMARY KEY,
        blobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO repository_usage (repository, blobs, bytes)
        SELECT repository, count(*), sum(size_bytes) FROM (
          SELECT repository, size_bytes FROM repository_blobs
          UNION ALL SELECT repository, size_bytes FROM repository_manifests
        ) GROUP BY repository;
      ${countingTriggers("repository_blobs")}
      ${countingTriggers("repository_manifests")}
    `,
  },
  {
    number: 502,
    title: "whose the uploads are that are not finished",
    sql: `CREATE TABLE repository_uploads (
      id TEXT PRIMARY KEY,
      repository TEXT NOT NULL,
      algorithm TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;`,
  },
  {
    // Identity noted it once, and the number stays.
    number: 601,
    title: "who made repositories",
    sql: `CREATE TABLE repository_owners (
      repository TEXT PRIMARY KEY,
      user TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX repository_owners_by_user ON repository_owners (user);`,
  },
  {
    // Of this range, since it needs what 601 made.
    number: 602,
    title: "what the repositories of each user hold",
    sql: `
      CREATE TABLE owner_usage (
        user TEXT PRIMARY KEY,
        repositories INTEGER NOT NULL,
        blobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      INSERT INTO owner_usage (user, repositories, blobs, bytes)
        SELECT o.user, count(*), sum(u.blobs), sum(u.bytes)
        FROM repository_owners o JOIN repository_usage u ON u.repository = o.repository GROUP BY o.user;
      ${OWNER_TRIGGERS}
    `,
  },
  {
    number: 603,
    title: "who began the uploads that are not finished",
    sql: "ALTER TABLE repository_uploads ADD COLUMN user TEXT;",
  },
];
