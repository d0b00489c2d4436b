import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CONTENT_MIGRATIONS } from "../../content/migrations.ts";
import { State } from "../../state/state.ts";
import { REGISTRY_MIGRATIONS } from "./migrations.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-migrations-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const ALL = [...CONTENT_MIGRATIONS, ...REGISTRY_MIGRATIONS];
/** Of the first registry. */
const FIRST = [100, 500];

function open(name: string, migrations = ALL): State {
  return State.open(join(scratch, name), { migrations, now: () => 0 });
}

function schemaOf({ db }: State): readonly unknown[] {
  return db.query("SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name").all();
}

test("what the first registry kept is brought forward, with what its repositories hold, to what a new root has", () => {
  {
    using first = open(
      "old.db",
      ALL.filter(({ number }) => FIRST.includes(number)),
    );
    first.db.run("INSERT INTO blobs VALUES ('sha256:layer', 100, 0), ('sha256:manifest', 7, 0)");
    first.db.run("INSERT INTO repository_blobs VALUES ('a', 'sha256:layer', 0), ('b', 'sha256:layer', 0)");
    first.db.run(
      `INSERT INTO repository_manifests (repository, digest, media_type, size_bytes, pushed_ms)
       VALUES ('a', 'sha256:manifest', 'x/y', 7, 0)`,
    );
    first.db.run("INSERT INTO repository_tags VALUES ('a', 'v1', 'sha256:manifest', 0)");
  }
  using upgraded = open("old.db");
  using fresh = open("new.db");
  expect(schemaOf(upgraded)).toEqual(schemaOf(fresh));
  const usage = (): readonly unknown[] =>
    upgraded.db.query("SELECT repository, blobs, bytes FROM repository_usage ORDER BY repository").all();
  expect(usage()).toEqual([
    { repository: "a", blobs: 2, bytes: 107 },
    { repository: "b", blobs: 1, bytes: 100 },
  ]);
  upgraded.db.run("DELETE FROM repository_blobs WHERE repository = 'b'");
  expect(usage()).toEqual([{ repository: "a", blobs: 2, bytes: 107 }]);
});
