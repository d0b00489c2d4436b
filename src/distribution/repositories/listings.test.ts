import { expect, test } from "bun:test";
import { RegistryStore } from "../../../test/support/registry-store.ts";

test("a list of the few that one sees among many lets others have their turn, and has all of them", async () => {
  await using store = new RegistryStore();
  const { state, repositories } = store;
  const names = Array.from({ length: 3000 }, (_, index) => `r${String(index).padStart(4, "0")}`);
  state.transaction(() => {
    const insert = state.db.query(
      "INSERT INTO repository_manifests (repository, digest, media_type, size_bytes, pushed_ms) VALUES (?, 'd', 'a/b', 1, 0)",
    );
    for (const name of names) insert.run(name);
  });
  let turns = 0;
  const counting = setInterval(() => {
    turns += 1;
  }, 0);
  const seen = new Set(["r0007", "r1500", "r2999"]);
  const isVisible = (name: string): boolean => seen.has(name);
  const whole = await repositories.listings.visibleRepositories({ limit: 10 }, isVisible);
  clearInterval(counting);
  expect(whole).toEqual({ items: [...seen] as never, hasMore: false });
  expect(turns).toBeGreaterThan(3);
  const first = await repositories.listings.visibleRepositories({ limit: 2 }, isVisible);
  expect(first).toEqual({ items: ["r0007", "r1500"] as never, hasMore: true });
  const rest = await repositories.listings.visibleRepositories({ after: "r1500", limit: 2 }, isVisible);
  expect(rest).toEqual({ items: ["r2999"] as never, hasMore: false });
  const all = await repositories.listings.visibleRepositories({ limit: 5000 }, () => true);
  expect(all.items).toEqual(names as never);
});
