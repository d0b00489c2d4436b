import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "../../src/platform/sqlite.ts";
import { blobsFolder } from "../support/bucket-root.ts";
import { until } from "../support/daemon.ts";

export interface StoreCensusOptions {
  /** A collection without grace is over: whatever no manifest needs is to be gone, and every blob is read. */
  readonly isCollected: boolean;
}

/** Compares the files of a registry's store with its rows. @throws naming what is too much, missing or damaged */
export async function takeStoreCensus(root: string, options: StoreCensusOptions): Promise<void> {
  let found: readonly string[] = [];
  // A collection that is at work takes the row first and the file a moment later.
  await until("files are as rows say", () => {
    found = compareStore(root, options);
    return found.length === 0;
  }).catch(() => undefined);
  if (found.length > 0) throw new Error(found.slice(0, 20).join("\n"));
}

function compareStore(root: string, { isCollected }: StoreCensusOptions): readonly string[] {
  using database = new Database(join(root, "state.db"), { readonly: true });
  const column = (sql: string): readonly string[] =>
    (database.query(sql).values() as string[][]).map((row) => row[0] ?? "");
  const rows = new Set(column("SELECT digest FROM blobs"));
  const files = new Set(
    ["sha256", "sha512"].flatMap((algorithm) =>
      listFolder(join(blobsFolder(root), algorithm)).map((name) => `${algorithm}:${name}`),
    ),
  );
  const held = new Set(column("SELECT digest FROM repository_manifests UNION SELECT digest FROM repository_blobs"));
  const problems = [
    ...difference(files, rows).map((digest) => `left over: file ${digest}`),
    ...difference(rows, files).map((digest) => `missing: file ${digest}`),
    ...difference(held, rows).map((digest) => `a repository holds ${digest}, which is not stored`),
    ...readdirSync(join(root, "content/ingest")).map((name) => `left over: unfinished blob ${name}`),
  ];
  if (!isCollected) return problems;
  const needed = new Set(
    column(`SELECT digest FROM repository_manifests
      UNION SELECT child FROM blob_edges JOIN repository_manifests ON parent = digest`),
  );
  const damaged = [...files].filter((digest) => hashFile(root, digest) !== digest);
  return [
    ...problems,
    ...difference(rows, needed).map((digest) => `left over: ${digest}, which no manifest needs`),
    ...damaged.map((digest) => `damaged: ${digest}`),
  ];
}

function difference(left: ReadonlySet<string>, right: ReadonlySet<string>): readonly string[] {
  return [...left].filter((one) => !right.has(one));
}

function hashFile(root: string, digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  const bytes = readFileSync(join(blobsFolder(root), algorithm, hex));
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** A bucket has no folder of what it has none of. */
function listFolder(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : [];
}
