import { readdirSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../errors/error-code.ts";
import { readIfThere } from "../../linux/cgroupfs/cgroup-files.ts";
import type { CgroupFolders } from "../../linux/cgroupfs/cgroup-stats.ts";
import { readBlkioEvents, readIoEvents } from "./event-block-io.ts";
import type { Json } from "./exact-json.ts";

/** Nanoseconds of a clock tick: USER_HZ is 100 on every machine that we know. */
const TICK_NS = 10_000_000n;
/** What v2's `max` is in runc's numbers. */
const NO_LIMIT = 2n ** 64n - 1n;

type Fields = Record<string, Json>;

/** A folder's files as numbers; a folder that is not there has none. */
class Numbers {
  readonly folder: string | undefined;

  constructor(folder: string | undefined) {
    this.folder = folder;
  }

  text(file: string): string | undefined {
    if (this.folder === undefined) return undefined;
    try {
      return readIfThere(join(this.folder, file));
    } catch (error) {
      // Pressure that is not counted (psi=0), a file that asks for more rights.
      if (errorCode(error) === "EOPNOTSUPP" || errorCode(error) === "ENOTSUP") return undefined;
      throw error;
    }
  }

  get(file: string, max = 0n): bigint {
    const text = this.text(file)?.trim() ?? "";
    if (text === "max") return max;
    return /^-?\d+$/.test(text) ? BigInt(text) : 0n;
  }

  keyed(file: string): ReadonlyMap<string, bigint> {
    const values = new Map<string, bigint>();
    for (const line of (this.text(file) ?? "").split("\n")) {
      const match = /^(\S+) (\d+)$/.exec(line);
      if (match?.[1] !== undefined && match[2] !== undefined) values.set(match[1], BigInt(match[2]));
    }
    return values;
  }
}

/** Without what Go's `omitempty` leaves out. */
function omitEmpty(fields: Fields): Fields {
  const isEmpty = (value: Json): boolean =>
    value === undefined || value === 0n || value === 0 || value === "" || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function entry(limit: bigint, usage: bigint, max: bigint, failures: bigint): Fields | undefined {
  if (limit === 0n && usage === 0n && max === 0n && failures === 0n) return undefined;
  return { limit, ...omitEmpty({ usage, max }), failcnt: failures };
}

function pressure(numbers: Numbers, file: string): Fields | undefined {
  const text = numbers.text(file);
  if (text === undefined) return undefined;
  const kinds: Fields = {};
  for (const line of text.split("\n")) {
    const match = /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/.exec(line);
    if (match === null) continue;
    const [, kind = "", avg10, avg60, avg300, total = "0"] = match;
    kinds[kind] = { avg10: Number(avg10), avg60: Number(avg60), avg300: Number(avg300), total: BigInt(total) };
  }
  return kinds;
}

function throttlingOf(stat: ReadonlyMap<string, bigint>, throttledNs: bigint): Fields | undefined {
  const fields = omitEmpty({
    periods: stat.get("nr_periods") ?? 0n,
    throttledPeriods: stat.get("nr_throttled") ?? 0n,
    throttledTime: throttledNs,
  });
  return Object.keys(fields).length === 0 ? undefined : fields;
}

function listOf(text: string | undefined): Json[] {
  const numbers: number[] = [];
  for (const part of (text ?? "").trim().split(",")) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (match === null) continue;
    for (let one = Number(match[1]); one <= Number(match[2] ?? match[1]); one++) numbers.push(one);
  }
  return numbers;
}

function cpuVersion1(folders: CgroupFolders): Fields {
  const accounting = new Numbers(folders.folderOf("cpuacct"));
  const ticks = accounting.keyed("cpuacct.stat");
  const rows = (accounting.text("cpuacct.usage_all") ?? "")
    .split("\n")
    .map((line) => /^\d+ (\d+) (\d+)$/.exec(line))
    .filter((match) => match !== null);
  const stat = new Numbers(folders.folderOf("cpu")).keyed("cpu.stat");
  return {
    usage: {
      ...omitEmpty({
        total: accounting.get("cpuacct.usage"),
        percpu: (accounting.text("cpuacct.usage_percpu") ?? "").trim().split(/\s+/).filter(Boolean).map(BigInt),
        percpu_kernel: rows.map((row) => BigInt(row[2] ?? 0)),
        percpu_user: rows.map((row) => BigInt(row[1] ?? 0)),
      }),
      kernel: (ticks.get("system") ?? 0n) * TICK_NS,
      user: (ticks.get("user") ?? 0n) * TICK_NS,
    },
    throttling: throttlingOf(stat, stat.get("throttled_time") ?? 0n),
  };
}

function cpuVersion2(numbers: Numbers): Fields {
  const stat = numbers.keyed("cpu.stat");
  const nanoseconds = (key: string): bigint => (stat.get(key) ?? 0n) * 1000n;
  return {
    usage: {
      ...omitEmpty({ total: nanoseconds("usage_usec") }),
      kernel: nanoseconds("system_usec"),
      user: nanoseconds("user_usec"),
    },
    throttling: throttlingOf(stat, nanoseconds("throttled_usec")),
    psi: pressure(numbers, "cpu.pressure"),
  };
}

/** Files of a v1 cpuset that runc tells; v2 has none of them, and then they are zero. */
function cpuset(numbers: Numbers): Fields {
  const flags = ["mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab"];
  const more = [...flags, "memory_pressure", "sched_load_balance", "sched_relax_domain_level"];
  const mems = listOf(numbers.text("cpuset.mems"));
  return {
    ...omitEmpty({ cpus: listOf(numbers.text("cpuset.cpus")) }),
    cpu_exclusive: numbers.get("cpuset.cpu_exclusive"),
    ...omitEmpty({ mems }),
    ...Object.fromEntries(more.map((name) => [name, numbers.get(`cpuset.${name}`)])),
  };
}

function memoryVersion1(numbers: Numbers): Fields {
  const part = (name: string): Fields | undefined => {
    const read = (file: string): bigint => numbers.get(`memory.${name}${file}`);
    return entry(read("limit_in_bytes"), read("usage_in_bytes"), read("max_usage_in_bytes"), read("failcnt"));
  };
  const stat = numbers.keyed("memory.stat");
  return {
    ...omitEmpty({ cache: stat.get("cache") ?? 0n }),
    usage: part(""),
    swap: part("memsw."),
    kernel: part("kmem."),
    kernelTCP: part("kmem.tcp."),
    raw: stat.size === 0 ? undefined : Object.fromEntries(stat),
  };
}

function memoryVersion2(numbers: Numbers): Fields {
  const stat = numbers.keyed("memory.stat");
  const usage = numbers.get("memory.current");
  const limit = numbers.get("memory.max", NO_LIMIT);
  const swap = numbers.get("memory.swap.current");
  const swapLimit = numbers.get("memory.swap.max", NO_LIMIT);
  return {
    ...omitEmpty({ cache: stat.get("file") ?? 0n }),
    usage: entry(limit, usage, numbers.get("memory.peak", NO_LIMIT), 0n),
    // Together with memory, as v1 has it.
    swap: entry(swapLimit === NO_LIMIT || limit === NO_LIMIT ? NO_LIMIT : swapLimit + limit, swap + usage, 0n, 0n),
    raw: stat.size === 0 ? undefined : Object.fromEntries(stat),
    psi: pressure(numbers, "memory.pressure"),
  };
}

function hugepages(numbers: Numbers, isSecond: boolean): Fields {
  const names = numbers.folder === undefined ? [] : filesIn(numbers.folder);
  const sizes: Fields = {};
  for (const name of names) {
    const [, size, file] = /^hugetlb\.(\d+[KMG]B)\.(usage_in_bytes|current)$/.exec(name) ?? [];
    // A hybrid machine may have the controller in v2, where runc does not look.
    if (size === undefined || (file === "current") !== isSecond) continue;
    const prefix = `hugetlb.${size}`;
    // What is reserved, where that is counted.
    const reserved = names.includes(`${prefix}.rsvd.${isSecond ? "current" : "usage_in_bytes"}`) ? ".rsvd" : "";
    const read = (file: string): bigint => numbers.get(`${prefix}${reserved}.${file}`);
    sizes[size] = isSecond
      ? { ...omitEmpty({ usage: read("current") }), failcnt: numbers.keyed(`${prefix}.events`).get("max") ?? 0n }
      : { ...omitEmpty({ usage: read("usage_in_bytes"), max: read("max_usage_in_bytes") }), failcnt: read("failcnt") };
  }
  return Object.fromEntries(Object.entries(sizes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * A container's counters in the form that `runc events --stats` prints, the `data` of an event; numbers of 64 bits are
 * exact. `intel_rdt` and `network_interfaces` are empty: they are no control groups.
 */
export function readEventStats(group: CgroupFolders, version: 1 | 2): Json {
  const pids = new Numbers(group.folderOf("pids"));
  const common = {
    pids: omitEmpty({ current: pids.get("pids.current"), limit: pids.get("pids.max") }),
    hugetlb: hugepages(new Numbers(group.folderOf("hugetlb")), version === 2),
    intel_rdt: {},
    network_interfaces: null,
  };
  if (version === 2) {
    const numbers = new Numbers(group.folderOf("unified"));
    return {
      cpu: cpuVersion2(numbers),
      cpuset: cpuset(new Numbers(undefined)),
      memory: memoryVersion2(numbers),
      pids: common.pids,
      blkio: { ...readIoEvents(numbers.text("io.stat") ?? ""), psi: pressure(numbers, "io.pressure") },
      hugetlb: common.hugetlb,
      intel_rdt: common.intel_rdt,
      network_interfaces: common.network_interfaces,
    };
  }
  const blkio = new Numbers(group.folderOf("blkio"));
  return {
    cpu: cpuVersion1(group),
    cpuset: cpuset(new Numbers(group.folderOf("cpuset"))),
    memory: memoryVersion1(new Numbers(group.folderOf("memory"))),
    pids: common.pids,
    blkio: readBlkioEvents((file) => blkio.text(file) ?? ""),
    hugetlb: common.hugetlb,
    intel_rdt: common.intel_rdt,
    network_interfaces: common.network_interfaces,
  };
}
