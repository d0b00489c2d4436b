/** A registry that collects garbage all the time, for the crash test: `registry-child.ts ROOT`. */
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ContentStore } from "../../src/content/content-store.ts";
import { MIGRATIONS } from "../../src/daemon/migrations.ts";
import { openRegistryConnections } from "../../src/daemon/open-registry-connections.ts";
import { RegistryService } from "../../src/daemon/registry-service.ts";
import { REGISTRY_ROOTS } from "../../src/distribution/repositories/registry-roots.ts";
import { openRepositories } from "../../src/distribution/repositories/repositories.ts";
import { collectRepositories } from "../../src/distribution/upkeep/collect-repositories.ts";
import { State } from "../../src/state/state.ts";
import { openTestStorage } from "../support/bucket-root.ts";

const root = process.argv[2] ?? "";
mkdirSync(root, { recursive: true });
const state = State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: Date.now });
const content = ContentStore.open({
  directory: join(root, "content"),
  state,
  roots: REGISTRY_ROOTS,
  ...(await openTestStorage(root, state)),
});
const warn = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
const service = new RegistryService({ root, state, content, registries: openRegistryConnections(), warn });
const { address } = await service.serve({ Listen: "127.0.0.1:0" }, ({ kind, ...rest }) => {
  if (kind === "warning") process.stderr.write(`${JSON.stringify(rest)}\n`);
});
const repositories = openRepositories({
  state,
  content,
  uploadsDirectory: join(root, "uploads"),
  randomId: randomUUID,
});
process.stderr.write(`the registry serves at ${address}\n`);
for (;;) {
  await collectRepositories({ state, content, repositories }, { uploadsIdleMs: 3_600_000 });
  await pause(5);
}
