import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { RegistryStore } from "../../../test/support/registry-store.ts";
import { type Damage, Scrubber } from "../../content/scrub/scrubber.ts";
import type { RepositoryName } from "../repositories/repository-name.ts";
import { neededBy } from "./needed-by.ts";

test("a damaged blob of a registry is not found, is needed for a push, and is mended by one", async () => {
  await using store = new RegistryStore();
  const repository = "team/a" as RepositoryName;
  const { blobs, manifests } = store.repositories;
  const layer = await store.pushBlob(repository, "layer");
  const manifest = await store.pushManifest(repository, { layers: [layer], tags: ["1"] });
  for (const digest of [layer, manifest]) writeFileSync(store.content.path(digest), "rotten");
  const damages: Damage[] = [];
  const scrubber = new Scrubber({ ...store, neededBy: (digest) => neededBy(store, digest) });
  const scrub = (): Promise<void> => scrubber.run({ bytesPerSecond: 0, onDamage: (damage) => damages.push(damage) });
  await scrub();
  expect(new Map(damages.map((damage) => [damage.digest, damage.neededBy]))).toEqual(
    new Map([
      [layer, ["repository team/a"]],
      [manifest, ["repository team/a"]],
    ]),
  );
  store.nowMs += 1e9;
  await store.content.collect();
  expect([blobs.stat(repository, layer), manifests.find(repository, { digest: manifest })]).toEqual([
    undefined,
    undefined,
  ]);
  expect(blobs.link("team/b" as RepositoryName, layer)).toBe(false);
  await expect(store.pushManifest(repository, { layers: [layer], tags: ["1"] })).rejects.toThrow("does not have");
  await store.pushBlob(repository, "layer");
  await store.pushManifest(repository, { layers: [layer], tags: ["1"] });
  await manifests.read(manifests.require(repository, { digest: manifest }));
  await scrub();
  expect(damages).toHaveLength(2);
});
