import { run } from "../../test/support/command.ts";
import { summarize } from "../alternate.ts";
import { openContenders } from "../bench-peers.ts";
import { pingMeanwhile } from "../registry/ping-meanwhile.ts";
import { peakBytes, processorSeconds, resetPeak } from "../registry/process-use.ts";
import type { LoadBlob } from "../registry/registry-client.ts";
import {
  type RegistryPeer,
  startDistribution,
  startDockerRegistry,
  startGantryRegistry,
  startZot,
} from "../registry/registry-peer.ts";
import { type Scenario, scenarios } from "../registry/scenarios.ts";
import { judgeByZb } from "../registry/zb.ts";
import { formatTable, type Row } from "../report.ts";

const MEGABYTE = 1e6;
const FASTER = 1.5;
const PEAK_MEGABYTES = 150;

const STARTS = [startGantryRegistry, startDockerRegistry, startDistribution, startZot];

/** What one round of a scenario gave for one registry. */
interface Sample {
  readonly value: number;
  /** Of processors, by the server. */
  readonly usedMs: number;
  readonly peakMegabytes: number;
  readonly pingMs: number;
}

/** Who syncs what it wrote is not to write to the disk what the one before left in memory. */
async function settleDisk(): Promise<void> {
  await run(["sync"]);
}

async function sample(scenario: Scenario, peer: RegistryPeer, blobs: readonly LoadBlob[]): Promise<Sample> {
  await settleDisk();
  await Bun.sleep(scenario.restMs ?? 0);
  resetPeak(peer.pid);
  const [usedBefore, beganAt] = [processorSeconds(peer.pid), performance.now()];
  const { peakAtMs } = scenario;
  const looking = peakAtMs === undefined ? undefined : Bun.sleep(peakAtMs).then(() => peakBytes(peer.pid));
  const running = scenario.run(peer.host, blobs);
  const { result: own, medianMs: pingMs } =
    scenario.showsPing === true
      ? await pingMeanwhile(peer.host, running)
      : { result: await running, medianMs: Number.NaN };
  return {
    value: own ?? performance.now() - beganAt,
    pingMs,
    usedMs: (processorSeconds(peer.pid) - usedBefore) * 1000,
    peakMegabytes: ((await looking) ?? peakBytes(peer.pid)) / MEGABYTE,
  };
}

async function measure(scenario: Scenario, peers: readonly RegistryPeer[]): Promise<readonly Row[]> {
  const samples = peers.map((peer) => ({ peer, of: [] as Sample[] }));
  for (let round = -1; round < scenario.rounds; round++) {
    const blobs = scenario.blobs();
    for (const { peer, of } of samples) {
      if (round === -1) await scenario.prepare?.(peer.host, blobs);
      const one = await sample(scenario, peer, blobs);
      if (round >= 0) of.push(one);
      if (scenario.dropsBytes === true) peer.dropBytes();
    }
  }
  const medians = (pick: (one: Sample) => number): Readonly<Record<string, number>> =>
    Object.fromEntries(samples.map(({ peer, of }) => [peer.name, summarize(peer.name, of.map(pick)).medianMs]));
  const { what, unit, work, showsPeak = false, showsPing = false } = scenario;
  const values = medians(({ value }) => value);
  const rows: Row[] = [{ what, unit, values, ...aimOf(unit, values["docker-registry"]) }];
  if (work !== undefined) {
    const used = medians(({ usedMs }) => usedMs / work.amount);
    rows.push({ what: `… processor of the server, ${work.of}`, unit: "ms", values: used });
  }
  if (showsPing) {
    rows.push({ what: "… `GET /v2/` meanwhile", unit: "ms", values: medians(({ pingMs }) => pingMs) });
  }
  if (showsPeak) {
    const peaks = samples.map(({ peer, of }) => [peer.name, Math.max(...of.map((one) => one.peakMegabytes))]);
    const target = { text: "fixed", limit: PEAK_MEGABYTES };
    rows.push({ what: "… its peak meanwhile (resident)", unit: "MB", values: Object.fromEntries(peaks), target });
  }
  return rows;
}

async function measureInMemory(scenario: Scenario): Promise<readonly Row[]> {
  await using stack = new AsyncDisposableStack();
  const starts = STARTS.map((start) => () => start({ parent: "/dev/shm" }));
  return await measure(scenario, await openContenders(starts, stack));
}

function aimOf(unit: Scenario["unit"], theirs: number | undefined): Pick<Row, "target"> {
  if (theirs === undefined) return {};
  return { target: { text: `${FASTER} × docker-registry`, limit: unit === "ms" ? theirs / FASTER : theirs * FASTER } };
}

/** What the numbers do not say. Found with `strace -f -e trace=fsync,fdatasync,rename`. */
export const REGISTRY_NOTE = `\
Registries, each as it is without settings. On the disk before the 201 of a blob: with gantry its bytes, its folder and its row; with docker-registry \
and distribution its bytes and the links that make a repository hold it; with zot nothing (\`commit\` is off).`;

/** The registry beside others, each with a process and storage of its own, over plain HTTP on the loopback. */
export async function benchRegistry(): Promise<{
  readonly rows: readonly Row[];
  readonly peers: readonly { readonly name: string; readonly version: string }[];
}> {
  await using stack = new AsyncDisposableStack();
  const peers = await openContenders(STARTS, stack);
  const rows: Row[] = [];
  for (const scenario of scenarios()) {
    process.stderr.write(`bench: registry: ${scenario.what}…\n`);
    const measured = await (scenario.isInMemory === true ? measureInMemory(scenario) : measure(scenario, peers));
    process.stderr.write(`${formatTable(measured)}\n`);
    rows.push(...measured);
  }
  const judged = await judgeByZb(peers);
  for (const { what, values } of judged) {
    rows.push({ what, unit: "/s", values, ...aimOf("/s", values["docker-registry"]) });
  }
  return { rows, peers: peers.map(({ name, version }) => ({ name, version })) };
}
