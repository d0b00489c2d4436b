import { expect, test } from "bun:test";
import { RecentMap } from "./recent-map.ts";

test("the entry that was not used for longest goes", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  expect(map.get("a")).toBe(1);
  map.set("c", 3);
  expect([map.get("a"), map.get("b"), map.get("c"), map.size]).toEqual([1, undefined, 3, 2]);
  map.set("c", 4);
  expect([map.get("a"), map.get("c")]).toEqual([1, 4]);
  map.delete("a");
  expect(map.size).toBe(1);
});
