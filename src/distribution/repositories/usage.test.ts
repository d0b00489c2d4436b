import { expect, test } from "bun:test";
import { RegistryStore } from "../../../test/support/registry-store.ts";
import type { RepositoryName } from "./repository-name.ts";

test("usage follows each change, and a failed one leaves it", async () => {
  await using store = new RegistryStore();
  const { usage, blobs, manifests } = store.repositories;
  const a = "team/a" as RepositoryName;
  const b = "team/b" as RepositoryName;
  const layer = await store.pushBlob(a, "12345");
  await store.pushBlob(a, "12345");
  blobs.link(b, layer);
  const manifest = await store.pushManifest(a, { layers: [layer] });
  await store.pushManifest(a, { layers: [layer], tags: ["again"] });
  const sizeBytes = store.content.stat(manifest)?.sizeBytes ?? 0;
  expect(usage.of(a)).toEqual({ repositories: 1, blobs: 2, bytes: 5 + sizeBytes });
  expect(usage.of(b)).toEqual({ repositories: 1, blobs: 1, bytes: 5 });
  expect(usage.ofRepositories()).toEqual({ repositories: 2, blobs: 3, bytes: 10 + sizeBytes });
  expect(usage.ofRepositories((name) => name === b)).toEqual(usage.of(b));
  const asked: string[] = [];
  usage.ofRepositories((name) => asked.push(name) > 0, "team/a");
  expect(asked).toEqual([a]);
  expect(() =>
    store.state.transaction(() => {
      blobs.unlink(b, layer);
      throw new Error("and yet not");
    }),
  ).toThrow("and yet not");
  expect(usage.hasRepository(b)).toBe(true);
  blobs.unlink(b, layer);
  expect(usage.hasRepository(b)).toBe(false);
  manifests.remove(a, manifest);
  blobs.unlink(a, layer);
  expect(usage.ofRepositories()).toEqual({ repositories: 0, blobs: 0, bytes: 0 });
});
