import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";
import { MEDIA_TYPES } from "../oci/media-types.ts";
import { State } from "../state/state.ts";
import { ContentStore } from "./content-store.ts";
import { CONTENT_MIGRATIONS } from "./migrations.ts";

const scratch = mkdtempSync(join(tmpdir(), "gantry-garbage-"));
afterAll(() => rmSync(scratch, { recursive: true }));

function open() {
  const at = mkdtempSync(join(scratch, "s"));
  const state = State.open(join(at, "state.db"), { migrations: CONTENT_MIGRATIONS, now: () => 0 });
  state.db.run("CREATE TABLE others (digest TEXT PRIMARY KEY)");
  const content = ContentStore.open({ directory: at, state, roots: ["SELECT digest FROM others"] });
  return { at, state, content };
}

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];
const some = fc.subarray(NAMES);

describe("collection from below", () => {
  test("keeps exactly what the roots reach, through what is not stored too", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          stored: some,
          named: some,
          held: some,
          leased: some,
          others: some,
          edges: fc.array(fc.tuple(fc.nat(NAMES.length - 1), fc.nat(NAMES.length - 1)), { maxLength: 12 }),
        }),
        async ({ stored, named, held, leased, others, edges }) => {
          const { at, state, content } = open();
          using lease = content.graph.lease();
          for (const name of stored) await content.put(name);
          for (const name of named) {
            content.names.set(`docker.io/library/${name}:1`, {
              digest: digestOf(name),
              mediaType: MEDIA_TYPES.ociManifest,
            });
          }
          for (const name of held) content.graph.hold("container:1", digestOf(name));
          for (const name of leased) lease.protect(digestOf(name));
          for (const name of others) state.db.run("INSERT INTO others VALUES (?)", [digestOf(name)]);
          // As hashes make it: nothing refers to what was made after it.
          const down = edges.filter(([from, to]) => from > to).map(([from, to]) => [NAMES[from], NAMES[to]] as const);
          for (const [from, to] of down)
            content.graph.addReferences(digestOf(from as string), [digestOf(to as string)]);
          const live = new Set([...named, ...held, ...leased, ...others]);
          for (const name of live) for (const [from, to] of down) if (from === name) live.add(to as string);
          await content.collect();
          const files = readdirSync(join(at, "blobs/sha256")).map((name) => `sha256:${name}` as Digest);
          expect(files.sort()).toEqual(
            stored
              .filter((name) => live.has(name))
              .map((name) => digestOf(name))
              .sort(),
          );
          const parents = state.db.query<{ parent: string }, []>("SELECT DISTINCT parent FROM blob_edges").all();
          const livingParents = new Set(
            down.filter(([from]) => live.has(from as string)).map(([from]) => digestOf(from as string)),
          );
          expect(new Set(parents.map((row) => row.parent as Digest))).toEqual(livingParents);
          state.close();
        },
      ),
      { numRuns: 40 },
    );
  });
});
