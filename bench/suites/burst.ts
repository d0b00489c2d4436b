import { processesWith } from "../../test/support/daemon.ts";
import { alternate, type Contender, runToEnd } from "../alternate.ts";
import type { BenchPeers } from "../bench-peers.ts";
import { proportionalBytes, residentBytes } from "../memory-use.ts";
import type { EnginePeer } from "../peers/peer.ts";
import type { Row } from "../report.ts";
import { target, valuesOf } from "./run.ts";

const COUNT = 20;
const MEGABYTE = 1e6;

function startSleeper({ command, environment, image }: EnginePeer): Promise<string> {
  const child = Bun.spawn([...command, "run", "-d", image, "sleep", "1000"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  return new Response(child.stdout).text();
}

async function startAll(peer: EnginePeer): Promise<readonly string[]> {
  const ids = await Promise.all(Array.from({ length: COUNT }, () => startSleeper(peer)));
  return ids.map((id) => id.trim());
}

function removeAll({ command, environment }: EnginePeer, ids: readonly string[]): void {
  runToEnd([...command, "rm", "-f", ...ids], environment);
}

function burst(peer: EnginePeer): Contender {
  return {
    name: peer.name,
    async run() {
      const startedAt = performance.now();
      const ids = await startAll(peer);
      const took = performance.now() - startedAt;
      removeAll(peer, ids);
      return took;
    },
  };
}

/** What supervision costs for each container that idles, and a daemon that has nothing to do. */
async function memoryOf(peer: EnginePeer): Promise<{ readonly idle: number; readonly each: number }> {
  const idle = peer.daemons().reduce((sum, pid) => sum + residentBytes(pid), 0);
  const before = new Set(processesWith(peer.supervisor));
  const ids = await startAll(peer);
  const supervisors = processesWith(peer.supervisor).filter((pid) => !before.has(pid));
  const each = supervisors.reduce((sum, pid) => sum + proportionalBytes(pid), 0) / COUNT;
  removeAll(peer, ids);
  return { idle: idle / MEGABYTE, each: each / MEGABYTE };
}

/** Twenty `run -d` at once, and what stays in memory for them. */
export async function benchBurst({ gantry, engines }: BenchPeers): Promise<readonly Row[]> {
  const peers = [gantry, ...engines.filter((peer) => peer.name === "docker")];
  const times = valuesOf(await alternate(peers.map(burst), { rounds: 3, warmUps: 1 }));
  const each: Record<string, number> = {};
  const idle: Record<string, number> = {};
  for (const peer of peers) {
    const memory = await memoryOf(peer);
    each[peer.name] = memory.each;
    idle[peer.name] = memory.idle;
  }
  return [
    { what: "twenty `run -d` at once", unit: "ms", values: times, ...target("1/10 of docker", times.docker, 1 / 10) },
    {
      what: "memory for each idle container",
      unit: "MB",
      values: each,
      target: { text: "1 MB", limit: 1 },
    },
    { what: "the daemon, idle (resident)", unit: "MB", values: idle, target: { text: "80 MB", limit: 80 } },
  ];
}
