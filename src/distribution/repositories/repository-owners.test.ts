import { expect, test } from "bun:test";
import fc from "fast-check";
import { RegistryStore, streamOf } from "../../../test/support/registry-store.ts";
import type { Digest } from "../../oci/digest.ts";
import { collectRepositories } from "../upkeep/collect-repositories.ts";
import type { RepositoryName } from "./repository-name.ts";

const HOUR_MS = 3_600_000;

function collect(store: RegistryStore) {
  return collectRepositories(store, { uploadsIdleMs: 24 * HOUR_MS });
}

test("who began a repository is known until it holds something, and from then on while it does", async () => {
  await using store = new RegistryStore();
  const { owners, blobs } = store.repositories;
  owners.own("team/a", "alice");
  owners.own("team/a", "bob");
  expect(owners.ownerOf("team/a")).toBe("bob");
  const layer = await store.pushBlob("team/a", "12345");
  owners.own("team/a", "alice");
  expect([owners.ownerOf("team/a"), owners.usageOf("bob")]).toEqual(["bob", { repositories: 1, blobs: 1, bytes: 5 }]);
  expect(owners.usageOf("alice")).toEqual({ repositories: 0, blobs: 0, bytes: 0 });
  await collect(store);
  expect(owners.ownerOf("team/a")).toBe("bob");
  blobs.unlink("team/a" as RepositoryName, layer);
  await collect(store);
  expect(owners.ownerOf("team/a")).toBeUndefined();
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
