import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import { RegistryStore, streamOf } from "../../../test/support/registry-store.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import { collectRepositories } from "../upkeep/collect-repositories.ts";
import { openRepositories } from "./repositories.ts";
import type { RepositoryName } from "./repository-name.ts";

const HOUR_MS = 3_600_000;

function collect(store: RegistryStore) {
  return collectRepositories(store, { uploadsIdleMs: 24 * HOUR_MS });
}

const A = "team/a" as RepositoryName;

test("who began a repository is known until it holds something, and from then on while it does", async () => {
  await using store = new RegistryStore();
  const { owners, blobs } = store.repositories;
  owners.own(A, "alice");
  // Nothing came of that.
  owners.own(A, "bob");
  expect(owners.ownerOf("team/a")).toBe("bob");
  const layer = await store.pushBlob("team/a", "12345");
  owners.own(A, "alice");
  expect([owners.ownerOf("team/a"), owners.usageOf("bob")]).toEqual(["bob", { repositories: 1, blobs: 1, bytes: 5 }]);
  expect(owners.usageOf("alice")).toEqual({ repositories: 0, blobs: 0, bytes: 0 });
  await collect(store);
  expect(owners.ownerOf("team/a")).toBe("bob");
  blobs.unlink("team/a" as RepositoryName, layer);
  await collect(store);
  expect(owners.ownerOf("team/a")).toBeUndefined();
});

test("of two who begin a repository at once it is the first one's, and stays it when the other's blob is there before", async () => {
  await using store = new RegistryStore();
  const { owners, uploads } = store.repositories;
  const begin = (user: string): string => {
    owners.own(A, user);
    return uploads.begin(A, "sha256", user);
  };
  const alices = begin("alice");
  const bobs = begin("bob");
  await uploads.append(A, alices, streamOf("some"));
  await uploads.append(A, bobs, streamOf("other"));
  owners.own(A, "bob");
  expect([owners.ownerOf(A), owners.claimantOf(A, "bob"), owners.claimantOf(A, undefined)]).toEqual(
    Array(3).fill("alice"),
  );
  await uploads.finish({ repository: A, id: bobs }, digestOf("other"));
  await uploads.finish({ repository: A, id: alices }, digestOf("some"));
  owners.own(A, "bob");
  expect([owners.ownerOf(A), owners.usageOf("alice"), owners.usageOf("bob").repositories]).toEqual([
    "alice",
    { repositories: 1, blobs: 2, bytes: 9 },
    0,
  ]);
});

test("a repository of which nothing came is the next one's who begins", async () => {
  await using store = new RegistryStore();
  const { owners, uploads } = store.repositories;
  const begin = (user: string, name: string): string => {
    owners.own(name as RepositoryName, user);
    return uploads.begin(name as RepositoryName, "sha256", user);
  };
  const given = (name: string): string | undefined => owners.claimantOf(name as RepositoryName, "bob");
  begin("alice", "only/begun");
  await uploads.append("has/bytes" as RepositoryName, begin("alice", "has/bytes"), streamOf("some"));
  const cancelled = begin("alice", "given/up");
  expect(["only/begun", "has/bytes", "given/up"].map(given)).toEqual(["alice", "alice", "alice"]);
  await uploads.cancel("given/up" as RepositoryName, cancelled);
  store.nowMs += 60_000;
  expect(["only/begun", "has/bytes", "given/up"].map(given)).toEqual(["bob", "alice", "bob"]);
  const { state, content, root } = store;
  const later = openRepositories({ state, content, uploadsDirectory: join(root, "uploads"), randomId: randomUUID });
  expect(later.owners.claimantOf("has/bytes" as RepositoryName, "bob")).toBe("alice");
});

test("what the repositories of a user hold together is what each of them holds, after whatever was done", async () => {
  await using store = new RegistryStore();
  const { owners, blobs, usage } = store.repositories;
  const digests: Digest[] = [];
  for (const text of ["", "1", "22"]) digests.push(await store.pushBlob("nobody/all", text));
  const change = fc.record({
    user: fc.constantFrom("alice", "bob", undefined),
    repository: fc.constantFrom("a", "b", "c").map((name) => name as RepositoryName),
    digest: fc.constantFrom(...digests),
    isRemoval: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      for (const { user, repository, digest, isRemoval } of changes) {
        if (user !== undefined) owners.own(repository, user);
        if (!isRemoval) blobs.link(repository, digest);
        else if (blobs.stat(repository, digest) !== undefined) blobs.unlink(repository, digest);
        for (const owner of ["alice", "bob"]) {
          expect(owners.usageOf(owner)).toEqual(usage.ofRepositories((name) => owners.ownerOf(name) === owner));
        }
      }
    }),
    { numRuns: 50 },
  );
});

test("of thousands that began and sent nothing none is left, and who is uploading stays", async () => {
  await using store = new RegistryStore();
  const { owners, uploads } = store.repositories;
  const name = (index: number): RepositoryName => `begun/${index}` as RepositoryName;
  store.state.transaction(() => {
    for (let index = 0; index < 1200; index += 1) owners.own(name(index), "alice");
  });
  const sending = uploads.begin(name(700));
  await uploads.append(name(700), sending, streamOf("some"));
  uploads.begin(name(3));
  await collect(store);
  expect(store.column("SELECT repository FROM repository_owners")).toEqual([name(3), name(700)]);
  store.nowMs = Date.now() + 48 * HOUR_MS;
  await collect(store);
  expect(store.column("SELECT repository FROM repository_owners")).toEqual([]);
});
