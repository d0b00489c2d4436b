import { GantryError } from "../errors/gantry-error.ts";
import type { Database } from "../platform/sqlite.ts";

/**
 * One step forward of the database. Numbers are never reused and never reordered; each room has its own range:
 * 1–99 state, 100–199 content and images, 200–299 engine, 300–399 network, 400–499 volumes, 500–599 registry,
 * 600–699 identity.
 */
export interface Migration {
  readonly number: number;
  /** What it brings, in a few words. */
  readonly title: string;
  readonly sql: string;
}

/** Which of `known` are still to be applied, in order. @throws `unsupported` if the database holds one that is not known. */
function planMigrations(applied: readonly number[], known: readonly Migration[]): readonly Migration[] {
  const numbers = known.map((migration) => migration.number);
  const repeated = numbers.find((number, index) => numbers.indexOf(number) !== index);
  if (repeated !== undefined) throw new GantryError("internal", `two migrations have the number ${repeated}`);
  const unknown = applied.find((number) => !numbers.includes(number));
  if (unknown !== undefined) {
    throw new GantryError(
      "unsupported",
      `this root was used by a newer gantry (its database has migration ${unknown}), which this one cannot read`,
      { hint: "use that newer version, or another --root" },
    );
  }
  return known
    .filter((migration) => !applied.includes(migration.number))
    .toSorted((left, right) => left.number - right.number);
}

/** Brings a database up to `known`, each step in a transaction of its own. Idempotent. */
export function applyMigrations(db: Database, known: readonly Migration[], nowMs: number): void {
  db.run(
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, title TEXT NOT NULL, applied_ms INTEGER NOT NULL) STRICT",
  );
  const applied = db
    .query<{ number: number }, []>("SELECT number FROM migrations ORDER BY number")
    .all()
    .map((row) => row.number);
  for (const migration of planMigrations(applied, known)) {
    db.transaction(() => {
      db.run(migration.sql);
      db.run("INSERT INTO migrations (number, title, applied_ms) VALUES (?, ?, ?)", [
        migration.number,
        migration.title,
        nowMs,
      ]);
    }).immediate();
  }
}
