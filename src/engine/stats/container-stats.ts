import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type ContainerRecord, isRunning } from "../container/container-record.ts";
import type { CgroupReading } from "../dependencies.ts";
import type { NetworkCounters, StatsSample } from "../engine.ts";
import type { EngineContext } from "../engine-context.ts";

const INTERVAL_MS = 1000;
/** USER_HZ, which the kernel shows to user space on every architecture that we run on. */
const TICK_NS = 1e9 / 100;

const NOTHING: CgroupReading = {
  cpu: { totalNs: 0, userNs: 0, systemNs: 0, periods: 0, throttledPeriods: 0, throttledNs: 0 },
  memory: { usageBytes: 0, failures: 0, details: {} },
  pids: { current: 0 },
  blockIo: [],
};

/** Readings of a container's resource use, one a second; of one that does not run they are all zero. */
export async function* containerStats(
  context: EngineContext,
  id: string,
  options: { readonly stream?: boolean; readonly signal?: AbortSignal },
): AsyncGenerator<StatsSample> {
  const isOnce = options.stream === false;
  for (;;) {
    const record = context.records.get(id);
    if (record === undefined || options.signal?.aborted) return;
    yield readSample(context, record);
    if (isOnce) return;
    await delay(INTERVAL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(() => {});
  }
}

function readSample(context: EngineContext, record: ContainerRecord): StatsSample {
  const { host, clock, cgroups } = context.parts;
  const isUp = isRunning(record);
  const reading = isUp ? cgroups.open(record.id, record.config.resources?.cgroupParent).read() : NOTHING;
  const { limitBytes, ...memory } = reading.memory;
  const hasOwnNetwork = isUp && record.network?.mode !== "host";
  return {
    timeNs: clock.nowNs(),
    cpu: { ...reading.cpu, hostTotalNs: parseHostCpu(read("/proc/stat")), onlineCpus: host.cpus.length },
    memory: { ...memory, limitBytes: isUp ? Math.min(limitBytes ?? host.memoryBytes, host.memoryBytes) : 0 },
    pids: reading.pids,
    blockIo: reading.blockIo,
    networks: hasOwnNetwork ? parseNetworkCounters(read(`/proc/${record.state.pid}/net/dev`)) : {},
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** Time that all processors have spent, idle included, in nanoseconds: the first line of /proc/stat without guests. */
export function parseHostCpu(text: string): number {
  const line = /^cpu +([0-9 ]+)$/m.exec(text)?.[1] ?? "";
  const ticks = line
    .split(" ")
    .slice(0, 8)
    .reduce((sum, field) => sum + Number(field), 0);
  return ticks * TICK_NS;
}

/** Reads /proc/<pid>/net/dev, the loopback left out as Docker does. */
export function parseNetworkCounters(text: string): Record<string, NetworkCounters> {
  const result: Record<string, NetworkCounters> = {};
  for (const line of text.split("\n")) {
    const [, name, rest] = /^\s*([^\s:]+):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined || name === "lo") continue;
    const fields = rest.trim().split(/\s+/).map(Number);
    const at = (index: number): number => fields[index] ?? 0;
    result[name] = {
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    };
  }
  return result;
}
