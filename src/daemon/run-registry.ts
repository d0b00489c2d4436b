import { join } from "node:path";
import type {
  RegistryNotice,
  RegistryUpkeepNotice,
  RegistryUpkeepRequest,
  ServeRegistryRequest,
} from "../api/registry.ts";
import { ContentStore } from "../content/content-store.ts";
import { REGISTRY_ROOTS } from "../distribution/repositories/migrations.ts";
import { isRootLocked, lockRoot } from "../state/root-lock.ts";
import { State } from "../state/state.ts";
import { makeFolder } from "./make-folder.ts";
import { MIGRATIONS } from "./migrations.ts";
import { openRegistryConnections } from "./open-registry-connections.ts";
import { RegistryService } from "./registry-service.ts";

export interface RunRegistryOptions {
  readonly root: string;
  readonly request: ServeRegistryRequest;
  readonly tell: (notice: RegistryNotice) => void;
  readonly signal: AbortSignal;
}

/**
 * Serves a root as a registry and nothing else, until the signal: for whoever wants no engine there. It needs no root rights. An engine can
 * take the same root later, and has what was pushed.
 *
 * @returns false, and has done nothing, if a daemon owns the root: ask that one.
 */
export async function runRegistry({ root, request, tell, signal }: RunRegistryOptions): Promise<boolean> {
  const warn = (sentence: string): void => tell({ kind: "warning", sentence });
  return await withRegistry(root, warn, async (service) => {
    const { address, metricsAddress } = await service.serve(request, tell);
    tell({ kind: "listening", address, ...(metricsAddress === undefined ? {} : { metricsAddress }) });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  });
}

export interface RunUpkeepOptions {
  readonly root: string;
  readonly request: RegistryUpkeepRequest;
  readonly tell: (notice: RegistryUpkeepNotice) => void;
  readonly signal: AbortSignal;
}

/** Looks after what a root keeps that nobody serves. @returns false, and has done nothing, if a daemon owns the root */
export async function runRegistryUpkeep({ root, request, tell, signal }: RunUpkeepOptions): Promise<boolean> {
  const warn = (sentence: string): void => tell({ kind: "warning", sentence });
  return await withRegistry(root, warn, (service) => service.upkeep(request, { tell, signal }));
}

async function withRegistry(
  root: string,
  warn: (sentence: string) => void,
  work: (service: RegistryService) => Promise<void>,
): Promise<boolean> {
  makeFolder(root, "--root");
  if (isRootLocked(root)) return false;
  using _root = lockRoot(root);
  using state = State.open(join(root, "state.db"), { migrations: MIGRATIONS, now: Date.now });
  await using content = ContentStore.open({ directory: join(root, "content"), state, roots: REGISTRY_ROOTS });
  await using service = new RegistryService({ root, state, content, registries: openRegistryConnections(), warn });
  await work(service);
  return true;
}
