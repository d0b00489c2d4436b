import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContentStore } from "../../src/content/content-store.ts";
import { CONTENT_MIGRATIONS } from "../../src/content/migrations.ts";
import { DEFAULT_REGISTRIES, type RegistriesConfig } from "../../src/distribution/client/registries.ts";
import { RegistryConnections } from "../../src/distribution/client/registry-connections.ts";
import { FROM_HOST_MIGRATIONS } from "../../src/image/from-host/migrations.ts";
import { HostPacker } from "../../src/image/from-host.ts";
import { LayerStore } from "../../src/image/layer-store.ts";
import { IMAGE_MIGRATIONS } from "../../src/image/migrations.ts";
import { Puller, type PullerParts } from "../../src/image/pull.ts";
import { SnapshotStore } from "../../src/image/snapshot-store.ts";
import { LayerWorkers } from "../../src/image/unpack/layer-workers.ts";
import { State } from "../../src/state/state.ts";

/** The storage side of a daemon in a folder of its own, for tests. */
export interface TestStore extends AsyncDisposable {
  readonly root: string;
  readonly state: State;
  readonly content: ContentStore;
  readonly snapshots: SnapshotStore;
  readonly layers: LayerStore;
  readonly packer: HostPacker;
  puller(parts?: Partial<PullerParts>): Puller;
  /** Files that something left half-done: there must be none. */
  leftovers(): readonly string[];
}

/** Registries as a file arranges them, asked with short waits. */
export function testConnections(config: RegistriesConfig = DEFAULT_REGISTRIES): RegistryConnections {
  const client = { stallTimeoutMs: 500, responseTimeoutMs: 5000, retryDelaysMs: [1, 1, 1] };
  return new RegistryConnections({ config: () => config, now: Date.now, client });
}

export async function openTestStore(): Promise<TestStore> {
  const root = mkdtempSync(join(tmpdir(), "gantry-store-"));
  const migrations = [...CONTENT_MIGRATIONS, ...IMAGE_MIGRATIONS, ...FROM_HOST_MIGRATIONS];
  const state = State.open(join(root, "state.db"), { migrations, now: Date.now });
  const content = ContentStore.open({ directory: join(root, "content"), state });
  const workers = new LayerWorkers();
  const snapshots = await SnapshotStore.open({ directory: join(root, "snapshots"), state, workers });
  const layers = new LayerStore({ content, snapshots, workers });
  const list = (path: string): readonly string[] => readdirSync(join(root, path)).map((name) => `${path}/${name}`);
  return {
    root,
    state,
    content,
    snapshots,
    layers,
    packer: new HostPacker({ state, content, layers }),
    puller: (parts = {}) => {
      return new Puller({ state, content, layers, registries: testConnections(), ...parts });
    },
    leftovers: () => [...list("content/ingest"), ...list("snapshots/temporary")],
    [Symbol.asyncDispose]: async () => {
      await content[Symbol.asyncDispose]();
      await workers[Symbol.asyncDispose]();
      state[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
