import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readEventStats } from "./event-stats.ts";
import { stringifyExact } from "./exact-json.ts";

const directory = mkdtempSync(join(tmpdir(), "gantry-events-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Folders with these files, `controller/file`. */
function groupOf(name: string, files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, path, ".."), { recursive: true });
    writeFileSync(join(directory, name, path), text);
  }
  const known = new Set(Object.keys(files).map((path) => path.split("/", 1)[0]));
  return { folderOf: (one: string) => (known.has(one) ? join(directory, name, one) : undefined) };
}

describe("stats as runc prints them", () => {
  test("of v1, zeros left out as Go does, large numbers exact", () => {
    const max = "9223372036854771712\n";
    const group = groupOf("v1", {
      "cpuacct/cpuacct.usage": "7879599\n",
      "cpuacct/cpuacct.usage_percpu": "896424 6983175 \n",
      "cpuacct/cpuacct.usage_all": "cpu user system\n0 1 2\n1 3 4\n",
      "cpuacct/cpuacct.stat": "user 2\nsystem 3\n",
      "cpu/cpu.stat": "nr_periods 5\nnr_throttled 0\nthrottled_time 9\n",
      "cpuset/cpuset.cpus": "0-1,3\n",
      "cpuset/cpuset.mems": "0\n",
      "cpuset/cpuset.sched_load_balance": "1\n",
      "cpuset/cpuset.sched_relax_domain_level": "-1\n",
      "memory/memory.limit_in_bytes": max,
      "memory/memory.usage_in_bytes": "823296\n",
      "memory/memory.max_usage_in_bytes": "2244608\n",
      "memory/memory.failcnt": "0\n",
      "memory/memory.kmem.tcp.limit_in_bytes": max,
      "memory/memory.stat": "cache 4096\nrss 57344\n",
      "pids/pids.current": "1\n",
      "pids/pids.max": "max\n",
      "blkio/blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 0\nTotal 4096\n",
      "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 1\nTotal 1\n",
      "hugetlb/hugetlb.2MB.usage_in_bytes": "2097152\n",
      "hugetlb/hugetlb.2MB.max_usage_in_bytes": "0\n",
      "hugetlb/hugetlb.2MB.failcnt": "3\n",
    });
    expect(stringifyExact(readEventStats(group, 1))).toBe(
      [
        '{"cpu":{"usage":{"total":7879599,"percpu":[896424,6983175],"percpu_kernel":[2,4],"percpu_user":[1,3],"kernel":30000000,"user":20000000},',
        '"throttling":{"periods":5,"throttledTime":9}},',
        '"cpuset":{"cpus":[0,1,3],"cpu_exclusive":0,"mems":[0],"mem_hardwall":0,"mem_exclusive":0,"memory_migrate":0,"memory_spread_page":0,',
        '"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":1,"sched_relax_domain_level":-1},',
        '"memory":{"cache":4096,"usage":{"limit":9223372036854771712,"usage":823296,"max":2244608,"failcnt":0},',
        '"kernelTCP":{"limit":9223372036854771712,"failcnt":0},"raw":{"cache":4096,"rss":57344}},',
        '"pids":{"current":1},',
        '"blkio":{"ioServiceBytesRecursive":[{"major":8,"op":"Read","value":4096},{"major":8,"op":"Write"}],',
        '"ioServicedRecursive":[{"major":8,"op":"Read","value":1}]},',
        '"hugetlb":{"2MB":{"usage":2097152,"failcnt":3}},"intel_rdt":{},"network_interfaces":null}',
      ].join(""),
    );
  });

  test("of v2, in v1's words, with pressure", () => {
    const group = groupOf("v2", {
      "unified/cpu.stat": "usage_usec 10\nuser_usec 4\nsystem_usec 6\nnr_periods 1\nnr_throttled 1\nthrottled_usec 2\n",
      "unified/cpu.pressure":
        "some avg10=1.50 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
      "unified/memory.current": "100\n",
      "unified/memory.max": "max\n",
      "unified/memory.peak": "120\n",
      "unified/memory.swap.current": "5\n",
      "unified/memory.swap.max": "0\n",
      "unified/memory.stat": "file 60\nanon 40\n",
      "unified/io.stat": "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
      "pids/pids.current": "2\n",
      "pids/pids.max": "7\n",
      "hugetlb/hugetlb.2MB.current": "0\n",
      "hugetlb/hugetlb.2MB.rsvd.current": "2097152\n",
      "hugetlb/hugetlb.2MB.events": "max 4\n",
    });
    expect(JSON.parse(stringifyExact(readEventStats(group, 2)))).toMatchObject({
      cpu: {
        usage: { total: 10_000, kernel: 6000, user: 4000 },
        throttling: { periods: 1, throttledPeriods: 1, throttledTime: 2000 },
        psi: { some: { avg10: 1.5, total: 77 }, full: { total: 0 } },
      },
      memory: { cache: 60, usage: { usage: 100, max: 120 }, swap: { usage: 105 }, raw: { file: 60, anon: 40 } },
      pids: { current: 2, limit: 7 },
      blkio: {
        ioServiceBytesRecursive: [
          { major: 254, op: "Read", value: 4096 },
          { major: 254, op: "Write" },
        ],
        ioServicedRecursive: [
          { major: 254, op: "Read", value: 1 },
          { major: 254, op: "Write" },
        ],
      },
      hugetlb: { "2MB": { usage: 2_097_152, failcnt: 4 } },
    });
    expect(stringifyExact(readEventStats(group, 2))).toContain('"limit":18446744073709551615');
  });

  test("of a group that is gone: nothing is used", () => {
    const text = stringifyExact(readEventStats({ folderOf: () => join(directory, "gone") }, 2));
    expect(JSON.parse(text)).toMatchObject({ pids: {}, memory: {}, blkio: {}, hugetlb: {} });
  });
});
