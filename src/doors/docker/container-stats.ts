import type { BlkioEntry, CpuStats, StatsResponse } from "../../api/stats.ts";
import type { Container } from "../../engine/container/container.ts";
import type { StatsSample } from "../../engine/engine.ts";
import type { DoorParts } from "./door-parts.ts";
import type { Exchange } from "./exchange.ts";
import { formatTimestamp, ZERO_TIME } from "./timestamp.ts";

/** `GET /containers/{id}/stats`. */
export async function sendStats(exchange: Exchange, { engine, now }: DoorParts): Promise<void> {
  const container = engine.inspect(exchange.parameter("name"));
  const isStream = exchange.query.flag("stream", true);
  const isOneShot = exchange.query.flag("one-shot");
  if (container.state.status !== "running" && container.state.status !== "paused") {
    // Docker answers with an empty reading, and goes on with them when streaming: here one, then the end.
    exchange.sendJson(200, describeStats(container, { ...NO_SAMPLE, timeNs: BigInt(now()) * 1_000_000n }, undefined));
    return;
  }
  if (!isStream) {
    exchange.sendJson(200, await readOnce(exchange, container, engine, isOneShot));
    return;
  }
  const samples = engine.stats(container.id, { stream: true, signal: exchange.signal });
  const stream = exchange.openStream("application/json");
  let previous: StatsSample | undefined;
  for await (const sample of samples) {
    await stream.write(`${JSON.stringify(describeStats(container, sample, previous))}\n`);
    previous = sample;
  }
  stream.end();
}

/** A single reading; unless it is to be quick, with one from a second before it, so that shares can be computed. */
async function readOnce(
  exchange: Exchange,
  container: Container,
  engine: DoorParts["engine"],
  isOneShot: boolean,
): Promise<StatsResponse> {
  let previous: StatsSample | undefined;
  for await (const sample of engine.stats(container.id, { stream: !isOneShot, signal: exchange.signal })) {
    if (isOneShot || previous !== undefined) return describeStats(container, sample, previous);
    previous = sample;
  }
  return describeStats(container, previous ?? NO_SAMPLE, undefined);
}

const NO_SAMPLE: StatsSample = {
  timeNs: 0n,
  cpu: {
    totalNs: 0,
    userNs: 0,
    systemNs: 0,
    throttledPeriods: 0,
    periods: 0,
    throttledNs: 0,
    hostTotalNs: 0,
    onlineCpus: 0,
  },
  memory: { usageBytes: 0, limitBytes: 0, failures: 0, details: {} },
  pids: { current: 0 },
  blockIo: [],
  networks: {},
};

function describeStats(
  container: Pick<Container, "id" | "name">,
  sample: StatsSample,
  previous: StatsSample | undefined,
): StatsResponse {
  const { memory, pids, networks } = sample;
  const blockIo = sample.blockIo.map(({ major, minor, op, bytes }): BlkioEntry => ({ major, minor, op, value: bytes }));
  return {
    id: container.id,
    name: `/${container.name}`,
    os_type: "linux",
    read: formatTimestamp(sample.timeNs),
    preread: previous === undefined ? ZERO_TIME : formatTimestamp(previous.timeNs),
    pids_stats: { current: pids.current, ...(pids.limit === undefined ? {} : { limit: pids.limit }) },
    blkio_stats: {
      io_service_bytes_recursive: blockIo,
      io_serviced_recursive: null,
      io_queue_recursive: null,
      io_service_time_recursive: null,
      io_wait_time_recursive: null,
      io_merged_recursive: null,
      io_time_recursive: null,
      sectors_recursive: null,
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: describeCpu(sample.cpu),
    precpu_stats: previous === undefined ? NO_CPU : describeCpu(previous.cpu),
    memory_stats: {
      usage: memory.usageBytes,
      ...(memory.maxUsageBytes === undefined ? {} : { max_usage: memory.maxUsageBytes }),
      stats: memory.details,
      failcnt: memory.failures,
      limit: memory.limitBytes,
    },
    ...(Object.keys(networks).length === 0 ? {} : { networks: mapValues(networks, describeCounters) }),
  };
}

const NO_CPU: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function describeCpu(cpu: StatsSample["cpu"]): CpuStats {
  return {
    cpu_usage: { total_usage: cpu.totalNs, usage_in_kernelmode: cpu.systemNs, usage_in_usermode: cpu.userNs },
    system_cpu_usage: cpu.hostTotalNs,
    online_cpus: cpu.onlineCpus,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledNs,
    },
  };
}

function describeCounters(counters: StatsSample["networks"][string]): NonNullable<StatsResponse["networks"]>[string] {
  return {
    rx_bytes: counters.rxBytes,
    rx_packets: counters.rxPackets,
    rx_errors: counters.rxErrors,
    rx_dropped: counters.rxDropped,
    tx_bytes: counters.txBytes,
    tx_packets: counters.txPackets,
    tx_errors: counters.txErrors,
    tx_dropped: counters.txDropped,
  };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
