import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archiveSeed, seedBusybox } from "../test/support/seed-images.ts";
import { type Bundle, makeBundle } from "./peers/bundle.ts";
import { startDocker } from "./peers/docker.ts";
import { startGantry } from "./peers/gantry.ts";
import { type EnginePeer, PeerAbsent } from "./peers/peer.ts";
import { openPodman } from "./peers/podman.ts";

/** Who takes part, with places of their own. */
export interface BenchPeers extends AsyncDisposable {
  readonly gantry: ReturnType<typeof startGantry>;
  /** Those that are installed: docker, podman. */
  readonly engines: readonly EnginePeer[];
  /** For runtimes without an engine, if there is one. */
  readonly bundle: Bundle | undefined;
}

/** Starts everybody; who is not there is told and left out. */
export async function openPeers(): Promise<BenchPeers> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const seed = await seedBusybox();
  const archive = join(folder, "busybox.tar");
  await archiveSeed(seed, "docker-archive", archive, "busybox:latest");
  const engines = await openContenders<EnginePeer>([() => startDocker(archive), () => openPodman(archive)], stack);
  const bundle = await unlessAbsent(() => makeBundle(seed.rootfs));
  if (bundle !== undefined) stack.use(bundle);
  const gantry = stack.use(startGantry(archive));
  const owned = stack.move();
  return { gantry, engines, bundle, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Starts those that are there, to be ended with `stack`; who is not is told and left out. */
export async function openContenders<T extends AsyncDisposable>(
  starts: readonly (() => T | Promise<T>)[],
  stack: AsyncDisposableStack,
): Promise<readonly T[]> {
  const peers: T[] = [];
  for (const start of starts) {
    const peer = await unlessAbsent(start);
    if (peer !== undefined) peers.push(stack.use(peer));
  }
  return peers;
}

async function unlessAbsent<T>(start: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof PeerAbsent)) throw error;
    process.stderr.write(`bench: left out: ${error.message}\n`);
    return undefined;
  }
}
