import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { ContentStore } from "../../src/content/content-store.ts";
import { MIGRATIONS } from "../../src/daemon/migrations.ts";
import { REGISTRY_ROOTS } from "../../src/distribution/repositories/registry-roots.ts";
import { openRepositories } from "../../src/distribution/repositories/repositories.ts";
import { collectRepositories } from "../../src/distribution/upkeep/collect-repositories.ts";
import { State } from "../../src/state/state.ts";
import { inTestBucket, openTestStorage, testBucket } from "../support/bucket-root.ts";
import { RegistryProcess } from "../support/registry-process.ts";
import { takeStoreCensus } from "./registry-census.ts";
import { RegistryCrashRun } from "./registry-crash-run.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Kills a registry so many times, then collects what nobody needs. @returns what was broken off, and how often */
export async function crashRegistry(kills: number, seed: number): Promise<ReadonlyMap<string, number>> {
  const program = [process.execPath, join(import.meta.dirname, "registry-child.ts")];
  const bucket = testBucket();
  await using registry = await RegistryProcess.start({
    program,
    env: bucket === undefined ? {} : inTestBucket(bucket),
  });
  const crashes = new RegistryCrashRun(registry, new SeededRandom(seed));
  let round = 0;
  try {
    for (; round < kills; round++) await crashes.round();
    await registry.down("SIGKILL");
    await collectAll(registry.root);
    await takeStoreCensus(registry.root, { isCollected: true });
    return crashes.broken;
  } catch (error) {
    const told = [...crashes.journal, "the registry says:", registry.log.trim()].map((line) => `  ${line}`).join("\n");
    throw new Error(`seed ${seed}, kill ${round + 1}: ${error}\n${told}`, { cause: error });
  }
}

/** As if every grace period were over. */
async function collectAll(root: string): Promise<void> {
  using state = State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: () => Date.now() + 10_000 });
  const directory = join(root, "content");
  const bytes = await openTestStorage(root, state);
  await using _bucket = bytes.storage;
  await using content = ContentStore.open({ directory, state, roots: REGISTRY_ROOTS, ...bytes });
  const uploadsDirectory = join(root, "uploads");
  const repositories = openRepositories({ state, content, uploadsDirectory, randomId: randomUUID, graceMs: () => 0 });
  await collectRepositories({ state, content, repositories }, { uploadsIdleMs: 0 });
}
