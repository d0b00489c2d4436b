import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { detectCgroups, findController } from "../../src/linux/cgroupfs/index.ts";
import type { Resources } from "../../src/oci/runtime-spec.ts";
import {
  type Cgroup,
  DEFAULT_DEVICE_RULES,
  openCgroup,
  readEventStats,
  stringifyExact,
  watchOom,
} from "../../src/runtime/cgroup/index.ts";

const host = detectCgroups();
const canRun = process.getuid?.() === 0 && findController(host, "memory") !== undefined;
const runc = ["/usr/sbin/runc", "/usr/bin/runc"].find(existsSync);
const parent = `/gantry-open-${process.pid}`;
const made: Cgroup[] = [];
const children: ChildProcess[] = [];
let count = 0;

async function open(path = `${parent}/${++count}`): Promise<Cgroup> {
  const cgroup = await openCgroup({ host, id: `x${process.pid}`, cgroupsPath: path });
  made.push(cgroup);
  return cgroup;
}

/** A process that waits, in the group. */
function sleepIn(cgroup: Cgroup): Promise<ChildProcess> {
  const child = spawn("sleep", ["100"], { stdio: "ignore" });
  children.push(child);
  return cgroup.adopt(child.pid ?? 0).then(() => child);
}

afterEach(async () => {
  for (const cgroup of made.splice(0)) {
    await cgroup.group.kill();
    await cgroup.remove();
    expect(cgroup.group.exists()).toBe(false);
  }
  for (const child of children.splice(0)) child.kill("SIGKILL");
  const top = await openCgroup({ host, id: "top", cgroupsPath: parent });
  await top.remove();
});

/** Values that both versions have, but for swap and block devices, which the machine may not have. */
const RESOURCES: Resources = {
  devices: DEFAULT_DEVICE_RULES,
  memory: { limit: 64 << 20, reservation: 32 << 20 },
  cpu: { shares: 512, quota: 25_000, period: 50_000, cpus: "0", mems: "0" },
  pids: { limit: 33 },
};

/** Every file that a limit may be in, of all groups: what the kernel made of it. */
function limitsOf(cgroup: Cgroup): Record<string, string> {
  const files = [
    ...["memory.limit_in_bytes", "memory.soft_limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness"],
    ...["memory.max", "memory.low", "memory.swap.max", "memory.oom_control", "pids.max", "cpuset.cpus", "cpuset.mems"],
    ...["cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.max", "devices.list", "blkio.weight", "io.max"],
    ...["net_cls.classid", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max", "rdma.max"],
  ];
  const found: Record<string, string> = {};
  for (const { path } of cgroup.group.folders) {
    for (const file of files) {
      if (existsSync(join(path, file))) found[file] = readFileSync(join(path, file), "utf8").trim();
    }
  }
  if (found["devices.list"] !== undefined) {
    // /dev/net/tun was for all with runc before 1.2.
    const lines = found["devices.list"].split("\n").filter((line) => line !== "c 10:200 rwm");
    found["devices.list"] = lines.sort().join("\n");
  }
  return found;
}

describe.skipIf(!canRun)("a container's group at a specification's path", () => {
  test.skipIf(runc === undefined || !existsSync("/bin/busybox"))(
    "has what runc writes for the same resources",
    async () => {
      const directory = mkdtempSync(join(tmpdir(), "gantry-runc-"));
      const id = `gantry-compare-${process.pid}`;
      const run = (...args: string[]) =>
        spawnSync(runc ?? "", ["--root", join(directory, "state"), ...args], { encoding: "utf8" });
      try {
        mkdirSync(join(directory, "rootfs/bin"), { recursive: true });
        copyFileSync("/bin/busybox", join(directory, "rootfs/bin/sleep"));
        const theirs = await open();
        const linux = {
          resources: {
            ...RESOURCES,
            // What a hybrid machine has in its v2 hierarchy runc does not see.
            ...(findController(host, "hugetlb")?.version === (host.mode === "v2" ? 2 : 1) && {
              hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }],
            }),
          },
          cgroupsPath: theirs.path,
          namespaces: [{ type: "pid" }, { type: "mount" }],
        };
        const spec = {
          ociVersion: "1.0.2",
          process: { user: { uid: 0, gid: 0 }, args: ["/bin/sleep", "100"], cwd: "/" },
          root: { path: "rootfs" },
          mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
          linux,
        };
        writeFileSync(join(directory, "config.json"), JSON.stringify(spec));
        // Not a pipe: the container's first process would hold it open.
        const said = openSync(join(directory, "stderr"), "w");
        spawnSync(runc ?? "", ["--root", join(directory, "state"), "create", "--bundle", directory, id], {
          stdio: ["ignore", "ignore", said],
        });
        closeSync(said);
        expect(readFileSync(join(directory, "stderr"), "utf8")).toBe("");
        const ours = await open();
        await ours.create(linux.resources);
        expect(limitsOf(ours)).toEqual(limitsOf(theirs));
        const ask = run("events", "--stats", id);
        const told = JSON.parse(ask.stdout).data;
        const stats = JSON.parse(stringifyExact(readEventStats(theirs.group, host.mode === "v2" ? 2 : 1)));
        expect(Object.keys(stats)).toEqual(Object.keys(told));
        expect([stats.pids, stats.cpuset]).toEqual([told.pids, told.cpuset]);
        expect(Object.keys(stats.cpu.usage)).toEqual(Object.keys(told.cpu.usage));
        expect(Object.keys(stats.memory.raw).sort()).toEqual(Object.keys(told.memory.raw));
        expect(stats.memory.usage.limit).toBe(told.memory.usage.limit);
        expect(Object.keys(stats.hugetlb)).toEqual(Object.keys(told.hugetlb));
        // runc's own update and ours, the same way.
        const change: Resources = {
          memory: { limit: 96 << 20 },
          cpu: { quota: 40_000, period: 80_000 },
          pids: { limit: -1 },
        };
        const file = join(directory, "update.json");
        writeFileSync(file, JSON.stringify(change));
        expect(run("update", "--resources", file, id).stderr).toBe("");
        await ours.update(change);
        expect(limitsOf(ours)).toEqual(limitsOf(theirs));
      } finally {
        run("delete", "--force", id);
        rmSync(directory, { recursive: true, force: true });
      }
    },
    60_000,
  );

  test("is refused while somebody is in it, or it is frozen", async () => {
    const cgroup = await open();
    await cgroup.create({});
    await sleepIn(cgroup);
    const again = await openCgroup({ host, id: "again", cgroupsPath: cgroup.path });
    expect(await again.create({}).catch((error) => error.message)).toContain("is not empty: 1 processes");
    await cgroup.group.kill();
    await again.create({});
  });

  test("limits that cannot be are taken back, the old ones hold", async () => {
    const cgroup = await open();
    const previous: Resources = { pids: { limit: 30 }, memory: { limit: 64 << 20 } };
    await cgroup.create(previous);
    const before = limitsOf(cgroup);
    const wrong: Resources = {
      pids: { limit: 5 },
      memory: { limit: 32 << 20 },
      unified: { "no.such": "1" },
      cpu: { cpus: "4000" },
    };
    const { unified: _unified, ...firstWrong } = wrong;
    const asked = host.mode === "v2" ? wrong : firstWrong;
    expect(await cgroup.update(asked, { previous }).catch((error) => error)).toBeInstanceOf(Error);
    expect(limitsOf(cgroup)).toEqual(before);
  });

  test("tells that memory was used up, and that there is nobody left", async () => {
    const cgroup = await open();
    await cgroup.create({ memory: { limit: 16 << 20, swap: 16 << 20 } });
    const sleeper = await sleepIn(cgroup);
    let count = 0;
    using watched = watchOom(cgroup.group, host.mode === "v2" ? 2 : 1, () => count++);
    const enter = cgroup.folders.map(({ path }) => `echo $$ >${path}/cgroup.procs`).join("; ");
    spawnSync("sh", ["-c", `${enter}; exec python3 -c 'x = bytearray(128 << 20)'`]);
    const deadline = performance.now() + 20_000;
    while (count === 0 && performance.now() < deadline) await Bun.sleep(5);
    expect(count).toBeGreaterThan(0);
    sleeper.kill("SIGKILL");
    await cgroup.group.kill();
    await cgroup.remove();
    await watched.ended;
  });

  test("a watch of memory ends when nobody wants it", async () => {
    const cgroup = await open();
    await cgroup.create({});
    const watched = watchOom(cgroup.group, host.mode === "v2" ? 2 : 1, () => undefined);
    watched[Symbol.dispose]();
    watched[Symbol.dispose]();
    await watched.ended;
  });

  test("a check before an update keeps what would be killed", async () => {
    const cgroup = await open();
    await cgroup.create({ memory: { limit: 256 << 20 } });
    const enter = cgroup.folders.map(({ path }) => `echo $$ >${path}/cgroup.procs`).join("; ");
    const child = spawn("sh", [
      "-c",
      `${enter}; exec python3 -c 'x = b"x" * (64 << 20); print("ready", flush=True); input()'`,
    ]);
    children.push(child);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const change: Resources = { memory: { limit: 16 << 20, checkBeforeUpdate: true } };
    expect(await cgroup.update(change).catch((error) => error.message)).toContain("bytes in use");
    expect(child.exitCode).toBeNull();
  });

  test("a relative path is beside or below our own, and groups inside go with it", async () => {
    const cgroup = await open(`gantry-relative-${process.pid}`);
    await cgroup.create({ pids: { limit: 9 } });
    for (const { path } of cgroup.folders) mkdirSync(join(path, "inner/most"), { recursive: true });
    expect(cgroup.group.pids()).toEqual([]);
  });

  test.skipIf(host.mode !== "v2")("a user who owns a v2 group may divide it, and not change its limits", async () => {
    const cgroup = await open();
    await cgroup.create({ pids: { limit: 9 } }, { ownerUid: 4321 });
    const folder = cgroup.group.folderOf("unified") ?? "";
    const owner = (file: string): number => statSync(join(folder, file)).uid;
    expect(["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"].map(owner)).toEqual([
      4321, 4321, 4321, 4321,
    ]);
    expect(["pids.max", "cgroup.freeze"].map(owner)).toEqual([0, 0]);
  });

  test.skipIf(host.mode !== "v2")("a group below a threaded one is threaded, with what threads can have", async () => {
    const top = await open();
    await top.create({});
    const folder = top.group.folderOf("unified") ?? "";
    mkdirSync(join(folder, "threads"));
    writeFileSync(join(folder, "threads", "cgroup.type"), "threaded");
    const inner = await open(`${top.path}/threads/inner`);
    await inner.create({ pids: { limit: 5 } });
    expect(readFileSync(join(inner.group.folderOf("unified") ?? "", "cgroup.type"), "utf8").trim()).toBe("threaded");
    await inner.remove();
    expect(await inner.create({ memory: { limit: 1 << 20 } }).catch((error) => error.message)).toContain(
      "cannot be had",
    );
  });
});
