import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectEngine } from "../../src/client/engine-client.ts";
import { run } from "../../test/support/command.ts";
import { startRegistry } from "../../test/support/registry.ts";
import { pushSeed, seedDebian, seedVariants } from "../../test/support/seed-images.ts";
import { alternate, type Contender } from "../alternate.ts";
import type { BenchPeers } from "../bench-peers.ts";
import { residentBytes } from "../memory-use.ts";
import type { EnginePeer } from "../peers/peer.ts";
import type { Row } from "../report.ts";
import { target, valuesOf } from "./run.ts";

const MEGABYTE = 1e6;

async function runAside({ command, environment }: EnginePeer, args: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...environment },
  });
  const [status, errors] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${errors.trim()}`);
}

const ROUNDS = { rounds: 5, warmUps: 1 };

/** Who syncs what it wrote, as Gantry does, is not to write to the disk what the one before left in memory. */
async function settleDisk(): Promise<void> {
  await run(["sync"]);
}

/**
 * Each round pulls another image, and nothing is removed before the last: ext4 passes over inodes that were freed a moment ago
 * one by one (fs/ext4/ialloc.c, recently_deleted), which makes whoever comes next many times as slow.
 */
function pulls(peer: EnginePeer, names: readonly string[]): Contender {
  const flags = peer.name === "podman" ? ["--tls-verify=false"] : [];
  const left = [...names];
  return {
    name: peer.name,
    async run() {
      await settleDisk();
      const startedAt = performance.now();
      await runAside(peer, ["pull", "-q", ...flags, left.pop() ?? ""]);
      return performance.now() - startedAt;
    },
  };
}

/** The same files made by one that only makes files. */
function copies(rootfs: string, folder: string): Contender {
  let count = 0;
  return {
    name: "bare",
    async run() {
      await settleDisk();
      const startedAt = performance.now();
      await run(["cp", "-a", rootfs, join(folder, `copy-${count++}`)]);
      return performance.now() - startedAt;
    },
  };
}

/** How the API answers, and how large the daemon becomes, while a layer is pulled and unpacked. */
async function watchPull(
  gantry: BenchPeers["gantry"],
  name: string,
): Promise<{ readonly pingMs: number; readonly peakBytes: number }> {
  const api = connectEngine(`unix://${gantry.socketPath}`);
  const [pid = 0] = gantry.daemons();
  const pings: number[] = [];
  let peakBytes = 0;
  let isPulling = true;
  const watching = (async () => {
    while (isPulling) {
      const askedAt = performance.now();
      await api.ping();
      pings.push(performance.now() - askedAt);
      peakBytes = Math.max(peakBytes, residentBytes(pid));
      await Bun.sleep(2);
    }
  })();
  for (let round = 0; round < 3; round++) {
    await runAside(gantry, ["pull", "-q", name]);
    await runAside(gantry, ["rmi", "-f", name]);
  }
  isPulling = false;
  await watching;
  const sorted = pings.toSorted((left, right) => left - right);
  return { pingMs: sorted[Math.trunc(sorted.length * 0.99)] ?? Number.NaN, peakBytes };
}

/** A real Debian, one layer, from a registry of this machine. */
export async function benchPull({ gantry, engines }: BenchPeers): Promise<readonly Row[]> {
  using registry = await startRegistry();
  using folder = temporaryFolder();
  const seed = await seedDebian();
  const tags = Array.from({ length: ROUNDS.rounds + ROUNDS.warmUps }, (_, index) => `v${index}`);
  const names = tags.map((tag) => `${registry.host}/debian:${tag}`);
  for (const [index, variant] of (await seedVariants(seed, folder.path, tags)).entries()) {
    await pushSeed(variant, names[index] ?? "");
  }
  const everybody = [gantry, ...engines];
  const contenders = [...everybody.map((peer) => pulls(peer, names)), copies(seed.rootfs, folder.path)];
  const times = valuesOf(await alternate(contenders, ROUNDS));
  for (const peer of everybody) await runAside(peer, ["rmi", "-f", ...names]);
  const { pingMs, peakBytes } = await watchPull(gantry, names[0] ?? "");
  return [
    {
      what: "pull and unpack Debian from a local registry (bare: a plain copy)",
      unit: "ms",
      values: times,
      ...target("1/3 of docker", times.docker, 1 / 3),
    },
    {
      what: "`/_ping` meanwhile, 99th percentile",
      unit: "ms",
      values: { gantry: pingMs },
      target: { text: "20 ms", limit: 20 },
    },
    { what: "the daemon's peak meanwhile (resident)", unit: "MB", values: { gantry: peakBytes / MEGABYTE } },
  ];
}

function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "gantry-bench-pull-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
