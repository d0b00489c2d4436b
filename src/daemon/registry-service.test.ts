import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegistryUpkeepNotice } from "../api/registry.ts";
import { ContentStore } from "../content/content-store.ts";
import { REGISTRY_ROOTS } from "../distribution/repositories/registry-roots.ts";
import { State } from "../state/state.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openRegistryConnections } from "./open-registry-connections.ts";
import { RegistryService, registryConfigOf } from "./registry-service.ts";

/** The service of a root of its own. */
function openService(): { readonly root: string; readonly service: RegistryService } & AsyncDisposable {
  const opened = new AsyncDisposableStack();
  const root = mkdtempSync(join(tmpdir(), "gantry-registry-service-"));
  opened.defer(() => rmSync(root, { recursive: true }));
  const state = opened.use(State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: Date.now }));
  const content = opened.use(ContentStore.open({ directory: join(root, "content"), state, roots: REGISTRY_ROOTS }));
  const parts = { root, state, content, registries: openRegistryConnections(), warn: () => {} };
  const service = opened.use(new RegistryService(parts));
  return { root, service, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

test("what was read of a registry.toml already is not read again: it may say something else meanwhile", async () => {
  await using opened = openService();
  const { root, service } = opened;
  const Config = join(root, "registry.toml");
  writeFileSync(Config, 'listen = "127.0.0.1:0"\naccess-log = "before.log"\n');
  const config = registryConfigOf({ Config });
  writeFileSync(Config, 'listen = "127.0.0.1:0"\naccess-log = "after.log"\n');
  await using _door = await service.serve({ Config }, () => {}, { config });
  expect(["before.log", "after.log"].map((name) => existsSync(join(root, name)))).toEqual([true, false]);
});

test("a registry.toml whose door could not be opened takes nothing away and makes nothing", async () => {
  await using opened = openService();
  const { root, service } = opened;
  const retention = async (): Promise<readonly RegistryUpkeepNotice[]> => {
    const notices: RegistryUpkeepNotice[] = [];
    const { signal } = new AbortController();
    await service.upkeep({ Task: "retention" }, { tell: (notice) => notices.push(notice), signal });
    return notices;
  };
  const Config = join(root, "registry.toml");
  writeFileSync(Config, '[[retention]]\nrepositories = "**"\nkeep-tags = 0\n');
  await using first = await service.serve({ Listen: "127.0.0.1:0" }, () => {});
  const second = service.serve({ Listen: first.address, Config }, () => {});
  expect(await second.then(() => "open", String)).toContain("cannot listen");
  const unruled = join(root, "unruled.toml");
  writeFileSync(unruled, 'access = "gone.toml"\naccess-log = "access.log"\n');
  const third = service.serve({ Listen: "127.0.0.1:0", Config: unruled }, () => {});
  expect(await third.then(() => "open", String)).toContain("there is no");
  expect(existsSync(join(root, "access.log"))).toBe(false);
  expect(await retention()).toMatchObject([
    { kind: "failed", sentence: expect.stringContaining("no rule of retention") },
  ]);
  await using _last = await service.serve({ Listen: "127.0.0.1:0", Config }, () => {});
  expect(await retention()).toMatchObject([{ kind: "retained" }]);
});
