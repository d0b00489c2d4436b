import { expect, test } from "bun:test";
import { RegistryStore, streamOf } from "../../../test/support/registry-store.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { RepositoryName } from "../repositories/repository-name.ts";
import { Upkeep } from "./upkeep.ts";
import { DEFAULT_UPKEEP, type UpkeepConfig } from "./upkeep-config.ts";

const REPOSITORY = "team/app" as RepositoryName;
const HOUR_MS = 3_600_000;

async function until(isTrue: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 10_000; !isTrue(); ) {
    if (performance.now() > deadline) throw new Error("it did not come to it");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("by itself it retires, collects, verifies and records, and counts what it did", async () => {
  await using store = new RegistryStore();
  const { repositories } = store;
  const layer = await store.pushBlob(REPOSITORY, "layer");
  const old = await store.pushManifest(REPOSITORY, { layers: [layer], tags: ["1"], note: "old" });
  store.nowMs += HOUR_MS;
  const kept = await store.pushManifest(REPOSITORY, { layers: [layer], tags: ["2"] });
  await store.pushBlob(REPOSITORY, "orphan");
  store.nowMs += 2 * HOUR_MS;
  repositories.lastPulls.note(REPOSITORY, kept);
  const retention = [{ place: "retention[0]", repositories: ["**"], keep: [], keepTags: 1 }];
  const config: UpkeepConfig = { ...DEFAULT_UPKEEP, retention };
  const warnings: string[] = [];
  const upkeep = new Upkeep({
    ...store,
    state: store.state,
    config: () => config,
    warn: (sentence) => warnings.push(sentence),
    firstMs: 1,
  });
  upkeep.start();
  await until(() => upkeep.counters.collections === 1 && upkeep.counters.scrubPasses === 1);
  await upkeep[Symbol.asyncDispose]();
  expect(upkeep.counters).toMatchObject({
    tagsRetired: 1,
    manifestsRetired: 1,
    linksRemoved: 1,
    blobsRemoved: 2,
    collectionFailures: 0,
    blobsDamaged: 0,
  });
  expect(store.column("SELECT pulled_ms FROM repository_manifests")).toEqual([String(store.nowMs)]);
  expect(store.files()).toEqual([kept, layer].sort());
  expect([repositories.manifests.find(REPOSITORY, { digest: old }), warnings]).toEqual([undefined, []]);
});

test("what cannot be done is told, and nothing is taken away meanwhile", async () => {
  await using store = new RegistryStore();
  await store.pushBlob(REPOSITORY, "orphan");
  store.nowMs += 2 * HOUR_MS;
  const warnings: string[] = [];
  const upkeep = new Upkeep({
    ...store,
    config: () => {
      throw new GantryError("invalid-argument", "invalid registry.toml");
    },
    warn: (sentence) => warnings.push(sentence),
    firstMs: 1,
  });
  upkeep.start();
  await until(() => warnings.length === 2);
  await upkeep[Symbol.asyncDispose]();
  expect(warnings.sort()).toEqual([
    "the registry cannot collect what is left over: invalid registry.toml",
    "the registry cannot verify what it keeps: invalid registry.toml",
  ]);
  expect(store.files()).toEqual([digestOf("orphan")]);
});

test("the end waits for what is under way, and interrupts what is long", async () => {
  await using store = new RegistryStore();
  for (let blob = 0; blob < 50; blob++) await store.pushBlob(REPOSITORY, `blob ${blob}`);
  const upkeep = new Upkeep({ ...store, config: () => DEFAULT_UPKEEP, warn: () => {} });
  const slow = upkeep.scrub({ bytesPerSecond: 1000 });
  slow.catch(() => undefined);
  await upkeep[Symbol.asyncDispose]();
  await expect(slow).rejects.toThrow();
});

test("whoever asked and goes away ends it between two steps, and nothing goes that they were not told of", async () => {
  await using store = new RegistryStore();
  const layer = await store.pushBlob(REPOSITORY, "layer");
  const count = 250;
  const push = (tag: string) => store.pushManifest(REPOSITORY, { layers: [layer], tags: [tag], note: tag });
  await Promise.all(Array.from({ length: count }, (_, index) => push(String(index))));
  store.nowMs += 2 * HOUR_MS;
  const retention = [{ place: "retention[0]", repositories: ["**"], keep: [], keepTags: 1 }];
  const config: UpkeepConfig = { ...DEFAULT_UPKEEP, retention };
  const upkeep = new Upkeep({ ...store, state: store.state, config: () => config, warn: () => {} });
  const files = store.files();
  const told: string[] = [];
  for (const verb of ["retain", "collect"] as const) {
    const gone = new AbortController();
    const tell = (line: string): void => {
      told.push(line);
      gone.abort();
    };
    await expect(upkeep[verb]({ signal: gone.signal, tell })).rejects.toThrow();
  }
  await upkeep[Symbol.asyncDispose]();
  const untagged = told.filter((line) => line.startsWith("untag"));
  expect(store.column("SELECT count(*) FROM repository_tags")).toEqual([String(count - untagged.length)]);
  expect([untagged.length < count, store.files()]).toEqual([true, files]);
  expect(upkeep.counters).toMatchObject({ collections: 0, collectionFailures: 0 });
});

test("a clock that was wrong and is put back hinders nothing: verifying is due, and no counter shrinks", async () => {
  await using store = new RegistryStore();
  await store.pushBlob(REPOSITORY, "a blob");
  const upkeep = new Upkeep({ ...store, state: store.state, config: () => DEFAULT_UPKEEP, warn: () => {}, firstMs: 1 });
  store.nowMs += 3650 * 24 * HOUR_MS;
  await upkeep.scrub();
  // In the middle of a collection.
  await upkeep.collect({ tell: () => (store.nowMs -= 3650 * 24 * HOUR_MS) });
  upkeep.start();
  await until(() => upkeep.counters.scrubPasses === 2 && upkeep.counters.collections === 2);
  await upkeep[Symbol.asyncDispose]();
  expect(upkeep.counters.collectionSeconds).toBeGreaterThanOrEqual(0);
});

test("what a clock that was set forward makes old stays until that was seen twice", async () => {
  await using store = new RegistryStore();
  await store.pushBlob(REPOSITORY, "an orphan");
  let upMs = 5000;
  const warnings: string[] = [];
  const interval = { ...DEFAULT_UPKEEP.collection, intervalMs: 1000 };
  const upkeep = new Upkeep({
    ...store,
    config: () => ({ ...DEFAULT_UPKEEP, collection: interval }),
    warn: (sentence) => warnings.push(sentence),
    uptimeMs: () => upMs,
    firstMs: 1,
  });
  store.nowMs += 30 * 24 * HOUR_MS + 10_000;
  upMs += 10_000;
  upkeep.start();
  await until(() => warnings.length === 1);
  expect([upkeep.counters.collections, store.files()]).toEqual([0, [digestOf("an orphan")]]);
  expect(warnings).toEqual([
    "the clock was set forward by 30d: the registry takes nothing away for its age before it looks again, in 1s " +
      "(set the clock right until then if it is wrong)",
  ]);
  await until(() => upkeep.counters.collections === 1);
  await upkeep[Symbol.asyncDispose]();
  expect([warnings.length, store.files()]).toEqual([1, []]);
});

test("time that passes, asleep or not, makes things old, and so does a clock that was set back", async () => {
  await using store = new RegistryStore();
  await store.pushBlob(REPOSITORY, "an orphan");
  let upMs = 5000;
  const upkeep = new Upkeep({
    ...store,
    config: () => DEFAULT_UPKEEP,
    warn: () => {},
    uptimeMs: () => upMs,
    firstMs: 1,
  });
  store.nowMs += 2 * HOUR_MS;
  upMs += 3 * HOUR_MS;
  upkeep.start();
  await until(() => upkeep.counters.collections === 1);
  await upkeep[Symbol.asyncDispose]();
  expect(store.files()).toEqual([]);
});

test("a clock that goes back leaves what was pushed alone, until its grace is over by the clock as it is", async () => {
  await using store = new RegistryStore();
  const { repositories } = store;
  store.nowMs += HOUR_MS;
  await store.pushBlob(REPOSITORY, "a blob");
  store.nowMs -= HOUR_MS;
  const upkeep = new Upkeep({ ...store, state: store.state, config: () => DEFAULT_UPKEEP, warn: () => {} });
  expect((await upkeep.collect()).links).toBe(0);
  const id = repositories.uploads.begin(REPOSITORY);
  await repositories.uploads.append(REPOSITORY, id, streamOf("half"));
  store.nowMs -= 24 * HOUR_MS;
  expect((await upkeep.collect()).uploads).toBe(0);
  expect(await repositories.uploads.offset(REPOSITORY, id)).toBe(4);
  store.nowMs += 27 * HOUR_MS;
  expect((await upkeep.collect()).links).toBe(1);
  await upkeep[Symbol.asyncDispose]();
});
