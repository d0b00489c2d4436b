import { expect, test } from "bun:test";
import { RegistryStore } from "../../../test/support/registry-store.ts";
import { digestOf } from "../../oci/hash-digest.ts";
import type { RepositoryName } from "./repository-name.ts";

test("a database that takes nothing fails no pull, however many there are", async () => {
  await using store = new RegistryStore();
  const { lastPulls } = store.repositories;
  store.state.db.run("PRAGMA query_only = ON");
  for (let index = 0; index < 5000; index += 1) lastPulls.note("app" as RepositoryName, digestOf(String(index)));
  store.state.db.run("PRAGMA query_only = OFF");
  expect(lastPulls.write()).toBe(0);
});
