import type { BlkioEntry, StatsResponse } from "../../api/stats.ts";
import { binarySize, humanSize, shortId } from "./human.ts";
import type { ListFormat } from "./render-list.ts";

/** One line of `stats`: what a container was asked for as, and its last reading, if there is one yet. */
export interface StatsLine {
  readonly requested: string;
  readonly reading: StatsResponse | undefined;
}

/** Percent of one processor that was used between a reading and the one before. */
function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsResponse): number {
  const used = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const processors = now.online_cpus || now.cpu_usage.percpu_usage?.length || 1;
  return used > 0 && passed > 0 ? (used / passed) * processors * 100 : 0;
}

/** Memory in use without the part of the page cache that the kernel can drop at once (docker/cli, `stats_helpers.go`). */
function memoryUsed({ memory_stats: { usage = 0, stats = {} } }: StatsResponse): number {
  // cgroup v1 tells it as total_inactive_file, v2 as inactive_file.
  const inactive = stats.total_inactive_file ?? stats.inactive_file ?? 0;
  return inactive < usage ? usage - inactive : usage;
}

function blockBytes(entries: readonly BlkioEntry[] | null, op: string): number {
  let bytes = 0;
  for (const entry of entries ?? []) if (entry.op.toLowerCase() === op) bytes += entry.value;
  return bytes;
}

function networkBytes(reading: StatsResponse, direction: "rx_bytes" | "tx_bytes"): number {
  let bytes = 0;
  for (const counters of Object.values(reading.networks ?? {})) bytes += counters[direction];
  return bytes;
}

const percent = (value: number): string => `${value.toFixed(2)}%`;

/** The lines of `stats`. */
export function statsList(isTruncated: boolean): ListFormat<StatsLine> {
  return {
    table: "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
    titles: {
      Container: "CONTAINER",
      Name: "NAME",
      ID: "CONTAINER ID",
      CPUPerc: "CPU %",
      MemUsage: "MEM USAGE / LIMIT",
      MemPerc: "MEM %",
      NetIO: "NET I/O",
      BlockIO: "BLOCK I/O",
      PIDs: "PIDS",
    },
    fields({ requested, reading }) {
      if (reading === undefined) {
        return {
          Container: requested,
          Name: "--",
          ID: isTruncated ? shortId(requested) : requested,
          CPUPerc: "--",
          MemUsage: "-- / --",
          MemPerc: "--",
          NetIO: "--",
          BlockIO: "--",
          PIDs: "--",
        };
      }
      const used = memoryUsed(reading);
      const limit = reading.memory_stats.limit ?? 0;
      const blocks = reading.blkio_stats.io_service_bytes_recursive;
      return {
        Container: requested,
        Name: reading.name.replace(/^\//, "") || "--",
        ID: isTruncated ? shortId(reading.id) : reading.id,
        CPUPerc: percent(cpuPercent(reading)),
        MemUsage: `${binarySize(used)} / ${binarySize(limit)}`,
        MemPerc: percent(limit > 0 ? (used / limit) * 100 : 0),
        NetIO: `${humanSize(networkBytes(reading, "rx_bytes"))} / ${humanSize(networkBytes(reading, "tx_bytes"))}`,
        BlockIO: `${humanSize(blockBytes(blocks, "read"))} / ${humanSize(blockBytes(blocks, "write"))}`,
        PIDs: String(reading.pids_stats.current ?? 0),
      };
    },
  };
}
