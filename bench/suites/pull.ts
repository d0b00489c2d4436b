import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectEngine } from "../../src/client/engine-client.ts";
import { run } from "../../test/support/command.ts";
import { startRegistry } from "../../test/support/registry.ts";
import { pushSeed, seedDebian } from "../../test/support/seed-images.ts";
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

function pulls(peer: EnginePeer, name: string): Contender {
  const flags = peer.name === "podman" ? ["--tls-verify=false"] : [];
  return {
    name: peer.name,
    async run() {
      const startedAt = performance.now();
      await runAside(peer, ["pull", "-q", ...flags, name]);
      const took = performance.now() - startedAt;
      await runAside(peer, ["rmi", "-f", name]);
      return took;
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
  const seed = await seedDebian();
  const name = `${registry.host}/debian:bookworm`;
  await pushSeed(seed, name);
  const copy: Contender = {
    name: "bare",
    async run() {
      const folder = mkdtempSync(join(tmpdir(), "gantry-bench-copy-"));
      const startedAt = performance.now();
      await run(["cp", "-a", seed.rootfs, join(folder, "rootfs")]);
      const took = performance.now() - startedAt;
      rmSync(folder, { recursive: true, force: true });
      return took;
    },
  };
  const contenders = [...[gantry, ...engines].map((peer) => pulls(peer, name)), copy];
  const times = valuesOf(await alternate(contenders, { rounds: 3, warmUps: 1 }));
  const { pingMs, peakBytes } = await watchPull(gantry, name);
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
