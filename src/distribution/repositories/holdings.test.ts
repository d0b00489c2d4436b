import { expect, spyOn, test } from "bun:test";
import { RegistryStore } from "../../../test/support/registry-store.ts";
import type { State } from "../../state/state.ts";
import type { RepositoryName, Tag } from "./repository-name.ts";

/** How SQLite finds the rows of each statement that `work` runs. */
function plansOf({ db }: State, work: () => void): readonly string[] {
  const asked = new Set<string>();
  const spies = [spyOn(db, "query"), spyOn(db, "run")];
  try {
    work();
    for (const { mock } of spies) for (const [sql] of mock.calls) asked.add(sql);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return [...asked]
    .filter((sql) => /^(?:SELECT|UPDATE|DELETE)/.test(sql))
    .flatMap((sql) => db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all())
    .map(({ detail }) => detail);
}

test("what is removed, untagged and referred to is found without going through the repository", async () => {
  await using store = new RegistryStore();
  const repository = "team/app" as RepositoryName;
  const layer = await store.pushBlob(repository, "layer");
  const image = await store.pushManifest(repository, { layers: [layer], tags: ["one", "two"] });
  await store.pushManifest(repository, { layers: [layer], subject: image, note: "signed" });
  const { manifests, listings } = store.repositories;
  const plans = plansOf(store.state, () => {
    expect(listings.referrers(repository, image, { limit: 10 }).items).toHaveLength(1);
    manifests.untag(repository, "two" as Tag);
    manifests.remove(repository, image);
  });
  expect(plans).not.toEqual([]);
  expect(plans.filter((plan) => /^SCAN|\(repository=\?\)|\(repository=\? AND digest>\?\)/.test(plan))).toEqual([]);
  expect(store.column("SELECT tag FROM repository_tags")).toEqual([]);
  expect(store.column("SELECT count(*) FROM repository_manifests WHERE released_ms IS NOT NULL")).toEqual(["1"]);
});
