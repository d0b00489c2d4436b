import { describe, expect, test } from "bun:test";
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { RegistryStore, streamOf } from "../../../test/support/registry-store.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { RepositoryName, Tag } from "../repositories/repository-name.ts";
import { type CollectionOptions, type CollectionOutcome, collectRepositories } from "./collect-repositories.ts";

const GRACE_MS = 3_600_000;
const A = "team/a" as RepositoryName;
const B = "team/b" as RepositoryName;

function collect(store: RegistryStore, options: Partial<CollectionOptions> = {}): Promise<CollectionOutcome> {
  return collectRepositories(store, { uploadsIdleMs: 24 * GRACE_MS, ...options });
}

describe("collectRepositories", () => {
  test("a blob without a manifest stays for the grace period, and goes after it", async () => {
    await using store = new RegistryStore();
    const blob = await store.pushBlob(A, "layer");
    store.nowMs += GRACE_MS;
    expect((await collect(store)).links).toBe(0);
    store.nowMs += 1;
    expect(await collect(store)).toEqual({ links: 1, blobs: 1, freedBytes: 5, uploads: 0 });
    expect([store.repositories.blobs.stat(A, blob), store.files()]).toEqual([undefined, []]);
  });

  test("who is told that a blob is there has the grace period anew, and it is written at most twice in one", async () => {
    await using store = new RegistryStore();
    const blob = await store.pushBlob(A, "layer");
    const linked = (): number => Number(store.column("SELECT linked_ms FROM repository_blobs")[0]);
    const pushedMs = store.nowMs;
    store.nowMs += GRACE_MS / 2 - 1;
    store.repositories.blobs.renew(A, blob);
    expect(linked()).toBe(pushedMs);
    store.nowMs += 1;
    store.repositories.blobs.renew(A, blob);
    expect(linked()).toBe(store.nowMs);
    store.nowMs += GRACE_MS;
    await collect(store);
    await store.pushManifest(A, { layers: [blob] });
    store.nowMs += 10 * GRACE_MS;
    await collect(store);
    expect(store.repositories.blobs.stat(A, blob)).toEqual({ sizeBytes: 5 });
  });

  test("what a removed manifest needed can still be pushed again by whoever was told of it before", async () => {
    await using store = new RegistryStore();
    const blob = await store.pushBlob(A, "layer");
    const manifest = await store.pushManifest(A, { layers: [blob] });
    store.nowMs += 10 * GRACE_MS;
    // Nothing is written here: a manifest needs it.
    store.repositories.blobs.renew(A, blob);
    store.repositories.manifests.remove(A, manifest);
    await collect(store);
    await store.pushManifest(A, { layers: [blob], note: "another" });
    store.nowMs += 10 * GRACE_MS;
    expect((await collect(store)).links).toBe(0);
  });

  test("a blob that one repository needs goes from another one, and its bytes stay", async () => {
    await using store = new RegistryStore();
    const blob = await store.pushBlob(A, "layer");
    store.repositories.blobs.link(B, blob);
    await store.pushManifest(A, { layers: [blob] });
    store.nowMs += 2 * GRACE_MS;
    const went: unknown[] = [];
    const onLink = (link: unknown): void => void went.push(link);
    expect((await collect(store, { isDryRun: true, onLink })).links).toBe(1);
    expect(store.repositories.blobs.stat(B, blob)).toEqual({ sizeBytes: 5 });
    await collect(store, { onLink });
    const link = { repository: B, digest: blob, sizeBytes: 5, linkedMs: store.nowMs - 2 * GRACE_MS };
    expect(went).toEqual([link, link]);
    expect(store.repositories.blobs.stat(B, blob)).toBeUndefined();
    expect(store.repositories.blobs.stat(A, blob)).toEqual({ sizeBytes: 5 });
  });

  test("uploads to which nothing came for long go", async () => {
    await using store = new RegistryStore();
    const { uploads } = store.repositories;
    const id = uploads.begin(A);
    await uploads.append(A, id, streamOf("half"));
    const folder = join(store.root, "uploads");
    for (const name of readdirSync(folder))
      utimesSync(join(folder, name), new Date(store.nowMs), new Date(store.nowMs));
    expect((await collect(store)).uploads).toBe(0);
    expect((await collect(store, { isDryRun: true })).uploads).toBe(0);
    store.nowMs += 24 * GRACE_MS + 1;
    expect((await collect(store, { isDryRun: true })).uploads).toBe(1);
    expect(readdirSync(folder)).toHaveLength(1);
    expect((await collect(store)).uploads).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
    await expect(uploads.offset(A, id)).rejects.toThrow("has no upload");
  });
});

type Command =
  | { readonly kind: "blob"; readonly repository: RepositoryName; readonly blob: number }
  | { readonly kind: "mount"; readonly repository: RepositoryName; readonly blob: number }
  | { readonly kind: "head"; readonly repository: RepositoryName; readonly blob: number }
  | {
      readonly kind: "image";
      readonly repository: RepositoryName;
      readonly blobs: readonly number[];
      readonly tag: string;
    }
  | { readonly kind: "index"; readonly repository: RepositoryName; readonly pick: number; readonly tag: string }
  | { readonly kind: "untag"; readonly repository: RepositoryName; readonly tag: string }
  | { readonly kind: "delete"; readonly repository: RepositoryName; readonly pick: number }
  | { readonly kind: "wait"; readonly minutes: number }
  | { readonly kind: "collect" };

const repository = fc.constantFrom(A, B);
const BLOBS = [0, 1, 2, 3, 4].map((number) => digestOf(`blob ${number}`));
const blob = fc.nat(BLOBS.length - 1);
const tag = fc.constantFrom("x", "y");
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("blob" as const), repository, blob }),
  fc.record({ kind: fc.constant("mount" as const), repository, blob }),
  fc.record({ kind: fc.constant("head" as const), repository, blob }),
  fc.record({ kind: fc.constant("image" as const), repository, blobs: fc.uniqueArray(blob, { minLength: 1 }), tag }),
  fc.record({ kind: fc.constant("index" as const), repository, pick: fc.nat(), tag }),
  fc.record({ kind: fc.constant("untag" as const), repository, tag }),
  fc.record({ kind: fc.constant("delete" as const), repository, pick: fc.nat() }),
  fc.record({ kind: fc.constant("wait" as const), minutes: fc.nat(100) }),
  fc.record({ kind: fc.constant("collect" as const) }),
);

/** What clients were told, and so may count on. */
class Expectations {
  /** Until when a blob is promised: `repository digest`. */
  readonly promisedMs = new Map<string, number>();
  readonly manifests = new Map<RepositoryName, Map<Digest, readonly Digest[]>>([
    [A, new Map()],
    [B, new Map()],
  ]);
  /** How many manifests were deleted. */
  deletions = 0;
  readonly store: RegistryStore;

  constructor(store: RegistryStore) {
    this.store = store;
  }

  promise(repository: RepositoryName, digest: Digest): void {
    this.promisedMs.set(`${repository} ${digest}`, this.store.nowMs + GRACE_MS / 2);
  }

  of(repository: RepositoryName): Map<Digest, readonly Digest[]> {
    return this.manifests.get(repository) as Map<Digest, readonly Digest[]>;
  }

  async check(): Promise<void> {
    const { blobs, manifests } = this.store.repositories;
    for (const [key, untilMs] of this.promisedMs) {
      const [repository, digest] = key.split(" ") as [RepositoryName, Digest];
      if (untilMs >= this.store.nowMs) expect(blobs.stat(repository, digest)).toBeDefined();
    }
    for (const [repository, known] of this.manifests) {
      for (const [digest, children] of known) {
        await manifests.read(manifests.require(repository, { digest }));
        for (const child of children) {
          // An entry of an index may be deleted before it.
          if (!BLOBS.includes(child)) continue;
          blobs.require(repository, child);
          await this.store.content.read(child, { maxBytes: 100 });
        }
      }
    }
  }
}

async function perform(command: Command, expected: Expectations): Promise<void> {
  const { store } = expected;
  const { blobs, manifests } = store.repositories;
  switch (command.kind) {
    case "blob":
      expected.promise(command.repository, await store.pushBlob(command.repository, `blob ${command.blob}`));
      return;
    case "mount": {
      const digest = BLOBS[command.blob] as Digest;
      const isHeld = [A, B].some((source) => blobs.stat(source, digest) !== undefined);
      if (isHeld && blobs.link(command.repository, digest)) expected.promise(command.repository, digest);
      return;
    }
    case "head": {
      const digest = BLOBS[command.blob] as Digest;
      if (blobs.stat(command.repository, digest) === undefined) return;
      blobs.renew(command.repository, digest);
      expected.promise(command.repository, digest);
      return;
    }
    case "image": {
      const layers = command.blobs.map((number) => BLOBS[number] as Digest);
      await pushed(command.repository, { layers, tags: [command.tag] }, expected);
      return;
    }
    case "index": {
      const known = [...expected.of(command.repository).keys()];
      const entry = known[command.pick % Math.max(1, known.length)];
      if (entry !== undefined) await pushed(command.repository, { entries: [entry], tags: [command.tag] }, expected);
      return;
    }
    case "untag":
      if (manifests.find(command.repository, { tag: command.tag as Tag }) !== undefined) {
        manifests.untag(command.repository, command.tag as Tag);
      }
      return;
    case "delete": {
      const known = [...expected.of(command.repository).keys()];
      const digest = known[command.pick % Math.max(1, known.length)];
      if (digest === undefined) return;
      expected.of(command.repository).delete(digest);
      expected.deletions += 1;
      manifests.remove(command.repository, digest);
      return;
    }
    case "wait":
      store.nowMs += command.minutes * 60_000;
      return;
    case "collect":
      await collect(store);
  }
}

/** A push that lacks a blob is refused; one that was promised everything is not, unless it is deleted meanwhile. */
async function pushed(
  repository: RepositoryName,
  shape: {
    readonly layers?: readonly Digest[];
    readonly entries?: readonly Digest[];
    readonly tags: readonly string[];
  },
  expected: Expectations,
): Promise<void> {
  const children = [...(shape.layers ?? []), ...(shape.entries ?? [])];
  const isPromised = children.every(
    (child) =>
      (expected.promisedMs.get(`${repository} ${child}`) ?? 0) >= expected.store.nowMs ||
      expected.of(repository).has(child),
  );
  const { deletions } = expected;
  try {
    expected.of(repository).set(await expected.store.pushManifest(repository, shape), children);
  } catch (error) {
    if ((isPromised && expected.deletions === deletions) || !isGantryError(error, "conflict")) throw error;
  }
}

describe("collection, whatever else happens", () => {
  test("nothing that is reachable or promised is ever lost; what is neither leaves nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(command, { minLength: 1, maxLength: 4 }), { maxLength: 25 }),
        async (rounds) => {
          await using store = new RegistryStore();
          const expected = new Expectations(store);
          for (const round of rounds) {
            // Those of a round run at once.
            await Promise.all(round.map((one) => perform(one, expected)));
            await expected.check();
          }
          const held = new Set(store.column("SELECT digest FROM blobs"));
          expect(store.files()).toEqual([...held].sort());
          const recount = `SELECT repository || ' ' || count(*) || ' ' || sum(size_bytes) FROM (
          SELECT repository, size_bytes FROM repository_blobs UNION ALL SELECT repository, size_bytes FROM repository_manifests
        ) GROUP BY repository ORDER BY repository`;
          const usage = "SELECT repository || ' ' || blobs || ' ' || bytes FROM repository_usage ORDER BY repository";
          expect(store.column(usage)).toEqual(store.column(recount));
          for (const [repository, known] of expected.manifests) {
            for (const digest of known.keys()) store.repositories.manifests.remove(repository, digest);
          }
          store.nowMs += GRACE_MS + 1;
          await collect(store);
          const left = [
            "blobs",
            "blob_edges",
            "repository_blobs",
            "repository_manifests",
            "repository_tags",
            "repository_usage",
          ];
          expect(left.map((table) => store.column(`SELECT count(*) FROM ${table}`)[0])).toEqual(left.map(() => "0"));
          expect(store.files()).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });
});
