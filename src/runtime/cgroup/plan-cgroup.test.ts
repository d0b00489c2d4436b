import { describe, expect, test } from "bun:test";
import type { CgroupHost, CgroupMount } from "../../linux/cgroupfs/cgroup-host.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { cpuWeightOfShares, ioWeightOfBlkioWeight } from "./cpu-weight.ts";
import { planCgroup } from "./plan-cgroup.ts";

function mount(version: 1 | 2, ...controllers: string[]): CgroupMount {
  const mountPoint = version === 2 ? "/sys/fs/cgroup" : `/sys/fs/cgroup/${controllers.join(",")}`;
  return { version, controllers, mountPoint, root: "/", ownPath: mountPoint };
}

const V2: CgroupHost = {
  mode: "v2",
  mounts: [mount(2, "cpuset", "cpu", "io", "memory", "pids", "hugetlb", "rdma")],
};
const V1: CgroupHost = {
  mode: "v1",
  mounts: ["cpu", "memory", "blkio", "hugetlb", "net_cls", "net_prio", "rdma"].map((name) => mount(1, name)),
};
const HYBRID: CgroupHost = {
  mode: "hybrid",
  mounts: [
    ...["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids"].map((name) => mount(1, name)),
    mount(2),
  ],
};

/** The plan as text: what a reader would type. */
function plan(resources: Resources, host: CgroupHost): string[] {
  return planCgroup(resources, host).map((write) =>
    "devices" in write ? `bpf ${JSON.stringify(write.devices)}` : `${write.controller}/${write.file} ${write.value}`,
  );
}

const MANY: Resources = {
  cpu: { shares: 512, quota: 50_000, period: 100_000, burst: 1000, cpus: "0-1", mems: "0" },
  memory: { limit: 1000, swap: 3000, reservation: 500 },
  pids: { limit: 7 },
  blockIO: {
    weight: 500,
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 2 }],
  },
};

describe("planCgroup", () => {
  test("writes the files of v1, each in its controller's folder", () => {
    expect(plan(MANY, HYBRID)).toEqual([
      "cpu/cpu.shares 512",
      "cpu/cpu.cfs_period_us 100000",
      "cpu/cpu.cfs_quota_us 50000",
      "cpu/cpu.cfs_burst_us 1000",
      "cpuset/cpuset.cpus 0-1",
      "cpuset/cpuset.mems 0",
      "memory/memory.limit_in_bytes 1000",
      "memory/memory.memsw.limit_in_bytes 3000",
      "memory/memory.soft_limit_in_bytes 500",
      "pids/pids.max 7",
      "blkio/blkio.bfq.weight 500",
      "blkio/blkio.throttle.read_bps_device 8:0 1",
      "blkio/blkio.throttle.write_iops_device 8:0 2",
    ]);
  });

  test("writes the files of v2, swap without the memory in it", () => {
    expect(plan(MANY, V2)).toEqual([
      `unified/cpu.weight ${cpuWeightOfShares(512)}`,
      "unified/cpu.max 50000 100000",
      "unified/cpu.max.burst 1000",
      "unified/cpuset.cpus 0-1",
      "unified/cpuset.mems 0",
      "unified/memory.swap.max 2000",
      "unified/memory.max 1000",
      "unified/memory.low 500",
      "unified/pids.max 7",
      "unified/io.bfq.weight 500",
      "unified/io.max 8:0 rbps=1",
      "unified/io.max 8:0 wiops=2",
    ]);
  });

  test("an idle group has no weight, whose file the kernel then refuses", () => {
    expect(plan({ cpu: { idle: 1, shares: 512 } }, V1)).toEqual(["cpu/cpu.idle 1"]);
    expect(plan({ cpu: { idle: 1, shares: 512 } }, V2)).toEqual(["unified/cpu.idle 1"]);
    expect(plan({ cpu: { idle: 0, shares: 512 } }, V1)).toEqual(["cpu/cpu.idle 0", "cpu/cpu.shares 512"]);
    expect(plan({ cpu: { idle: 0 } }, V2)).toEqual(["unified/cpu.idle 0"]);
  });

  test("real-time limits are v1's, the period first", () => {
    expect(plan({ cpu: { realtimeRuntime: 10, realtimePeriod: 100 } }, V1)).toEqual([
      "cpu/cpu.rt_period_us 100",
      "cpu/cpu.rt_runtime_us 10",
    ]);
  });

  test("all of memory that only v1 has", () => {
    const memory = {
      limit: 100,
      kernel: 7,
      kernelTCP: 9,
      swappiness: 0,
      disableOOMKiller: true,
      useHierarchy: true,
      checkBeforeUpdate: true,
    };
    expect(plan({ memory }, V1)).toEqual([
      "memory/memory.use_hierarchy 1",
      "memory/memory.limit_in_bytes 100",
      "memory/memory.kmem.tcp.limit_in_bytes 9",
      "memory/memory.swappiness 0",
      "memory/memory.oom_control 1",
    ]);
    expect(() => plan({ memory: { kernelTCP: 9 } }, V2)).toThrow("kernelTCP needs cgroup v1");
    expect(plan({ memory: { kernel: 7, useHierarchy: true } }, V2)).toEqual([]);
  });

  test("weights of devices and of leaves", () => {
    const blockIO: Resources["blockIO"] = {
      leafWeight: 20,
      weightDevice: [
        { major: 8, minor: 0, weight: 1000 },
        { major: 8, minor: 16, weight: 0, leafWeight: 10 },
      ],
    };
    expect(plan({ blockIO }, V1)).toEqual([
      "blkio/blkio.leaf_weight 20",
      "blkio/blkio.bfq.weight_device 8:0 1000",
      "blkio/blkio.leaf_weight_device 8:16 10",
    ]);
    expect(() => plan({ blockIO }, V2)).toThrow("linux.resources.blockIO.leafWeight needs cgroup v1");
    const [write] = planCgroup({ blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 1000 }] } }, V2);
    expect(write).toMatchObject({
      file: "io.bfq.weight",
      value: "8:0 1000",
      alternatives: [{ file: "io.weight", value: "8:0 10000" }],
    });
  });

  test("huge pages, used and reserved; network; RDMA", () => {
    const resources: Resources = {
      hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }],
      rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 }, mlx4_0: { hcaObjects: 0 } },
    };
    const network = { classID: 1048577, priorities: [{ name: "eth0", priority: 500 }] };
    expect(plan({ ...resources, network }, V1)).toEqual([
      "hugetlb/hugetlb.2MB.limit_in_bytes 4194304",
      "hugetlb/hugetlb.2MB.rsvd.limit_in_bytes 4194304",
      "net_cls/net_cls.classid 1048577",
      "net_prio/net_prio.ifpriomap eth0 500",
      "rdma/rdma.max mlx5_1 hca_handle=3 hca_object=10000",
      "rdma/rdma.max mlx4_0 hca_object=0",
    ]);
    expect(plan(resources, V2)).toEqual([
      "unified/hugetlb.2MB.max 4194304",
      "unified/hugetlb.2MB.rsvd.max 4194304",
      "unified/rdma.max mlx5_1 hca_handle=3 hca_object=10000",
      "unified/rdma.max mlx4_0 hca_object=0",
    ]);
    expect(() => plan({ network }, V2)).toThrow(
      'linux.resources.network.classID needs the cgroup v1 controller "net_cls"',
    );
  });

  test("what `unified` says is written line by line, after all else", () => {
    expect(
      plan({ unified: { "io.max": "8:0 rbps=1\n8:16 wbps=2\n", "memory.high": "5" }, pids: { limit: 3 } }, V2),
    ).toEqual([
      "unified/pids.max 3",
      "unified/io.max 8:0 rbps=1",
      "unified/io.max 8:16 wbps=2",
      "unified/memory.high 5",
    ]);
  });

  test("no limit is said in each kernel's way", () => {
    const none: Resources = { cpu: { quota: -1 }, memory: { limit: -1 }, pids: { limit: -1 } };
    expect(plan(none, HYBRID)).toEqual([
      "cpu/cpu.cfs_quota_us -1",
      "memory/memory.limit_in_bytes -1",
      "memory/memory.memsw.limit_in_bytes -1",
      "pids/pids.max max",
    ]);
    expect(plan(none, V2)).toEqual([
      "unified/cpu.max max 100000",
      "unified/memory.swap.max max",
      "unified/memory.max max",
      "unified/pids.max max",
    ]);
    expect(plan({ memory: { limit: 10, swap: -1 } }, V2)).toEqual([
      "unified/memory.swap.max max",
      "unified/memory.max 10",
    ]);
    expect(plan({ memory: { limit: 10, swap: 10 } }, V2)).toEqual([
      "unified/memory.swap.max 0",
      "unified/memory.max 10",
    ]);
  });

  test("what is zero or absent is left as it is", () => {
    const nothing: Resources = {
      cpu: { shares: 0, quota: 0, period: 0 },
      memory: { limit: 0, swap: 0, swappiness: -1 },
      devices: [],
    };
    expect([plan(nothing, HYBRID), plan(nothing, V2), plan({}, V2)]).toEqual([[], [], []]);
  });

  test("devices are lines in v1 and a program in v2", () => {
    const devices: Resources["devices"] = [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 3, access: "rw" },
      { allow: true, type: "a", major: 7, access: "m" },
    ];
    expect(plan({ devices }, HYBRID)).toEqual([
      "devices/devices.deny a",
      "devices/devices.allow c 1:3 rw",
      "devices/devices.allow b 7:* m",
      "devices/devices.allow c 7:* m",
    ]);
    expect(plan({ devices }, V2)[0]).toStartWith('bpf {"defaultAllow":false,"exceptions":[{"type":"c","major":1');
  });

  test("refuses what the machine lacks, naming the option and the controller", () => {
    const bare: CgroupHost = { mode: "v2", mounts: [mount(2, "cpu")] };
    expect(() => plan({ pids: { limit: 1 } }, bare)).toThrow(
      'linux.resources.pids.limit needs the cgroup controller "pids"',
    );
    expect(() => plan({ memory: { swap: 1, limit: 1 } }, bare)).toThrow('"memory"');
    expect(() => plan({ memory: { swappiness: 10 } }, V2)).toThrow("linux.resources.memory.swappiness needs cgroup v1");
    expect(() => plan({ memory: { disableOOMKiller: true } }, V2)).toThrow("needs cgroup v1");
    expect(() => plan({ cpu: { realtimeRuntime: 10 } }, V2)).toThrow("needs cgroup v1");
    expect(() => plan({ unified: { "memory.high": "1" } }, HYBRID)).toThrow("cgroup v2 alone");
  });

  test("refuses values that no kernel takes", () => {
    expect(() => plan({ memory: { limit: 10, swap: 5 } }, V2)).toThrow("is less than");
    expect(() => plan({ memory: { limit: 1.5 } }, V2)).toThrow("linux.resources.memory.limit must be an integer");
    expect(() => plan({ cpu: { cpus: "0; rm" } }, HYBRID)).toThrow("not a list of numbers");
    expect(() => plan({ blockIO: { weight: 5 } }, HYBRID)).toThrow("from 10 to 1000");
    expect(() => plan({ devices: [{ allow: true, access: "x" }] }, V2)).toThrow("letters other than");
    expect(() => plan({ cpu: { shares: 1 } }, V1)).toThrow("from 2 to 262144");
    expect(() => plan({ hugepageLimits: [{ pageSize: "../2MB", limit: 1 }] }, V2)).toThrow("not a size of pages");
    expect(() => plan({ rdma: { "a b": { hcaHandles: 1 } } }, V2)).toThrow("not a name of a device");
    expect(() => plan({ rdma: { a: {} } }, V2)).toThrow("neither hcaHandles nor hcaObjects");
    expect(() => plan({ network: { priorities: [{ name: "a b", priority: 1 }] } }, V1)).toThrow("name of an interface");
    for (const file of ["../memory.max", "a/b.c", "cgroup", ""]) {
      expect(() => plan({ unified: { [file]: "1" } }, V2)).toThrow("not the name of a cgroup file");
    }
  });
});

describe("weights", () => {
  test("minimum, default and maximum of one scale are those of the other", () => {
    expect([1, 2, 1024, 262_144, 1e9].map(cpuWeightOfShares)).toEqual([1, 1, 100, 10_000, 10_000]);
    expect([10, 1000].map(ioWeightOfBlkioWeight)).toEqual([1, 10_000]);
  });
});
