import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type {
  RegistryNotice,
  RegistryUpkeepNotice,
  RegistryUpkeepRequest,
  ServeRegistryRequest,
} from "../api/registry.ts";
import { ContentStore } from "../content/content-store.ts";
import { REGISTRY_ROOTS } from "../distribution/repositories/registry-roots.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { isRootLocked, lockRoot } from "../state/root-lock.ts";
import { State } from "../state/state.ts";
import type { Environment } from "./bucket-credentials.ts";
import { requireShortRoot } from "./locations.ts";
import { makeFolder } from "./make-folder.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openConfiguredStorage } from "./open-bucket.ts";
import { openRegistryConnections } from "./open-registry-connections.ts";
import { keepOffProxies } from "./proxies.ts";
import { readRegistryConfig } from "./registry-config.ts";
import { RegistryService, registryConfigOf } from "./registry-service.ts";
import { requireOwnRoot } from "./require-own-root.ts";
import type { StorageConfig } from "./storage-config.ts";

export interface RunRegistryOptions {
  readonly root: string;
  readonly request: ServeRegistryRequest;
  readonly tell: (notice: RegistryNotice) => void;
  readonly signal: AbortSignal;
  /** For a bucket's access key. */
  readonly environment: Environment;
}

/**
 * Serves a root as a registry and nothing else, until the signal: for whoever wants no engine there. It needs no root rights. An engine can
 * take the same root later, and has what was pushed, unless that is in a bucket.
 *
 * @returns false, and has done nothing, if a process has the root, which may be a daemon: ask that one.
 */
export async function runRegistry({ root, request, tell, signal, environment }: RunRegistryOptions): Promise<boolean> {
  const warn = (sentence: string): void => tell({ kind: "warning", sentence });
  const config = registryConfigOf(request);
  const { storage } = config;
  requireShortRoot(root);
  makeFolder(root, "--root");
  return await withRegistry({ root, warn, storage, environment, signal }, async (service) => {
    const { address, metricsAddress } = await service.serve(request, tell, { config });
    // Loaded for those who serve, as its door is.
    const { serveUpkeep } = await import("./serve-upkeep.ts");
    await using _upkeep = await serveUpkeep({ root, registry: service, warn });
    tell({ kind: "listening", address, ...(metricsAddress === undefined ? {} : { metricsAddress }) });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  });
}

export interface RunUpkeepOptions {
  readonly root: string;
  readonly request: RegistryUpkeepRequest;
  readonly tell: (notice: RegistryUpkeepNotice) => void;
  readonly signal: AbortSignal;
  /** For a bucket's access key. */
  readonly environment: Environment;
}

/**
 * Looks after what a root keeps that nobody serves.
 *
 * @returns false, and has done nothing, if a process has the root: ask that one
 * @throws `not-found`, and has made nothing, if no registry was ever served from there
 */
export async function runRegistryUpkeep({
  root,
  request,
  tell,
  signal,
  environment,
}: RunUpkeepOptions): Promise<boolean> {
  const warn = (sentence: string): void => tell({ kind: "warning", sentence });
  const { storage } = request.Config === undefined ? {} : readRegistryConfig(request.Config);
  if (!existsSync(join(root, DATABASE))) {
    throw new GantryError("not-found", `there is no registry in ${root}`, {
      hint: "name the --root that `gantry registry serve` has, or the daemon's",
    });
  }
  return await withRegistry({ root, warn, storage, environment, signal }, (service) =>
    service.upkeep(request, { tell, signal }),
  );
}

const DATABASE = "state.db";

interface RegistryRoot {
  readonly root: string;
  readonly warn: (sentence: string) => void;
  readonly storage: StorageConfig | undefined;
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

async function withRegistry(
  { root, warn, storage, environment, signal }: RegistryRoot,
  work: (service: RegistryService) => Promise<void>,
): Promise<boolean> {
  keepOffProxies();
  if (isRootLocked(root)) return false;
  requireOwnRoot(root, DATABASE);
  using _root = lockRoot(root);
  using state = State.open(join(root, DATABASE), { migrations: MIGRATIONS, now: Date.now });
  const parts = { root, state, environment, warn, signal, randomId: randomUUID };
  await using bucket = storage === undefined ? undefined : await openConfiguredStorage(storage, parts);
  const bytes = bucket === undefined ? {} : { storage: bucket };
  await using content = ContentStore.open({ directory: join(root, "content"), state, roots: REGISTRY_ROOTS, ...bytes });
  await using service = new RegistryService({
    root,
    state,
    content,
    registries: openRegistryConnections(),
    warn,
    ...(storage === undefined ? {} : { storage }),
  });
  await work(service);
  return true;
}
