import { afterEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { SYSTEM_SOCKETS, SystemdManager } from "../../src/linux/systemd/systemd-manager.ts";
import { type Cgroup, DEFAULT_DEVICE_RULES, holdProcess, openCgroup } from "../../src/runtime/cgroup/index.ts";

const isSystemd = process.getuid?.() === 0 && existsSync("/run/systemd/private");
const host = isSystemd ? detectCgroups() : undefined;
const isSecond = host?.mode === "v2";
const helper = join(import.meta.dir, "../../dist/native/gantry-helper");
let count = 0;
const made: Cgroup[] = [];

async function open(options: { readonly annotations?: Record<string, string> } = {}): Promise<Cgroup> {
  if (host === undefined) throw new Error("there is no systemd");
  const id = `t${process.pid}-${++count}`;
  const cgroupsPath = `gantrytest-a.slice:gantry:${id}`;
  const cgroup = await openCgroup({ host, id, cgroupsPath, driver: "systemd", ...options });
  made.push(cgroup);
  return cgroup;
}

const unitOf = (cgroup: Cgroup): string => cgroup.path.split("/").at(-1) ?? "";

function show(unit: string, ...names: string[]): Record<string, string> {
  const { stdout } = spawnSync("systemctl", ["show", unit, ...names.map((name) => `--property=${name}`)], {
    encoding: "utf8",
  });
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s, 2) as [string, string]),
  );
}

function read(cgroup: Cgroup, controller: string, file: string): string {
  return readFileSync(join(cgroup.group.folderOf(isSecond ? "unified" : controller) ?? "", file), "utf8").trim();
}

afterEach(async () => {
  for (const cgroup of made.splice(0)) {
    await cgroup.remove();
    expect(cgroup.group.exists()).toBe(false);
    expect(show(unitOf(cgroup), "LoadState").LoadState).toBe("not-found");
  }
});

describe.skipIf(!isSystemd)("a container's group as a unit of systemd", () => {
  test("goes when it was made before that was recorded, and is left alone when it is another's", async () => {
    if (host === undefined) return;
    const scope = await open();
    using hold = await holdProcess(helper);
    await scope.create({}, { pid: hold.pid });
    await scope.removeUnrecorded();
    expect(scope.group.pids()).toEqual([hold.pid]);

    const name = `gantrytest-a-t${process.pid}.slice`;
    const openAs = (id: string) =>
      openCgroup({ host, id, cgroupsPath: `gantrytest-a.slice::${name}`, driver: "systemd" });
    const slice = await openAs("own");
    await slice.create({});
    const active = { ActiveState: "active", Description: "gantry container own" };
    await (await openAs("other")).removeUnrecorded();
    expect(show(name, "ActiveState", "Description")).toEqual(active);
    await (await openAs("own")).removeUnrecorded();
    // Asked for a slice, systemd has one.
    expect(show(name, "ActiveState").ActiveState).toBe("inactive");
    expect(slice.group.exists()).toBe(false);
  });

  test("a delegated scope is made, updated and removed", async () => {
    const cgroup = await open();
    using hold = await holdProcess(helper);
    await cgroup.create(
      { memory: { limit: 64 << 20 }, cpu: { shares: 512, quota: 12_345, period: 100_000 }, pids: { limit: 20 } },
      { pid: hold.pid },
    );
    expect(cgroup.path).toBe(`/gantrytest.slice/gantrytest-a.slice/${unitOf(cgroup)}`);
    expect(cgroup.group.pids()).toEqual([hold.pid]);
    const names = isSecond ? ["MemoryMax", "CPUWeight"] : ["MemoryLimit", "CPUShares"];
    expect(
      show(unitOf(cgroup), "ActiveState", "Delegate", "Slice", "TasksMax", "CPUQuotaPerSecUSec", ...names),
    ).toEqual({
      ...{
        ActiveState: "active",
        Delegate: "yes",
        Slice: "gantrytest-a.slice",
        TasksMax: "20",
        CPUQuotaPerSecUSec: "130ms",
      },
      ...(isSecond ? { MemoryMax: "67108864", CPUWeight: "59" } : { MemoryLimit: "67108864", CPUShares: "512" }),
    });
    expect(read(cgroup, "pids", "pids.max")).toBe("20");
    if (isSecond) expect(read(cgroup, "cpu", "cpu.max")).toBe("13000 100000");
    else expect(read(cgroup, "cpu", "cpu.cfs_quota_us")).toBe("13000");

    await cgroup.update({ memory: { limit: 128 << 20 }, pids: { limit: -1 }, cpu: { quota: -1, cpus: "0" } });
    expect(show(unitOf(cgroup), "TasksMax", "CPUQuotaPerSecUSec", ...names.slice(0, 1))).toEqual({
      ...{ TasksMax: "infinity", CPUQuotaPerSecUSec: "infinity" },
      ...(isSecond ? { MemoryMax: "134217728" } : { MemoryLimit: "134217728" }),
    });
    expect(read(cgroup, "memory", isSecond ? "memory.max" : "memory.limit_in_bytes")).toBe("134217728");
    expect(read(cgroup, "cpuset", "cpuset.cpus")).toBe("0");
  });

  test("what systemd is told survives its looking at everything again", async () => {
    const cgroup = await open();
    using hold = await holdProcess(helper);
    await cgroup.create({ memory: { limit: 32 << 20 }, pids: { limit: 7 } }, { pid: hold.pid });
    spawnSync("systemctl", ["daemon-reload"]);
    expect(read(cgroup, "pids", "pids.max")).toBe("7");
    expect(read(cgroup, "memory", isSecond ? "memory.max" : "memory.limit_in_bytes")).toBe(String(32 << 20));
  });

  test("devices are refused as the specification says", async () => {
    const cgroup = await open();
    using hold = await holdProcess(helper);
    await cgroup.create({ devices: DEFAULT_DEVICE_RULES }, { pid: hold.pid });
    const enter = cgroup.folders.map(({ path }) => `echo $$ >${path}/cgroup.procs`).join("; ");
    const script = `${enter}; head -c1 /dev/zero | wc -c; head -c1 /dev/mem`;
    const { stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
    expect(stdout).toBe("1\n");
    expect(stderr).toContain("Operation not permitted");
    expect(show(unitOf(cgroup), "DevicePolicy").DevicePolicy).toBe("strict");
  });

  test("the unit lives on as long as somebody is in it", async () => {
    const cgroup = await open();
    const child = await (async () => {
      using hold = await holdProcess(helper);
      await cgroup.create({}, { pid: hold.pid });
      const enter = cgroup.folders.map(({ path }) => `echo $$ >${path}/cgroup.procs`).join("; ");
      const shell = Bun.spawn(["sh", "-c", `${enter}; echo in; exec sleep 100`], { stdout: "pipe" });
      await shell.stdout.getReader().read();
      return shell;
    })();
    // Whoever asks later finds it by the same path.
    const deadline = performance.now() + 10_000;
    while (cgroup.group.pids().length > 1 && performance.now() < deadline) await Bun.sleep(5);
    expect(cgroup.group.pids()).toEqual([child.pid]);
    expect(show(unitOf(cgroup), "ActiveState").ActiveState).toBe("active");
    await cgroup.group.freeze();
    expect(cgroup.group.isFrozen()).toBe(true);
    await cgroup.group.thaw();
    await cgroup.group.kill();
    expect(await child.exited).not.toBe(0);
  });

  test("systemd moves a process for who cannot", async () => {
    const cgroup = await open();
    using hold = await holdProcess(helper);
    using other = await holdProcess(helper);
    await cgroup.create({}, { pid: hold.pid });
    await cgroup.adopt(other.pid);
    expect(readFileSync(`/proc/${other.pid}/cgroup`, "utf8")).toContain(cgroup.path);
  });

  test("annotations are properties", async () => {
    const cgroup = await open({ annotations: { "org.systemd.property.TimeoutStopSec": "uint64 7" } });
    using hold = await holdProcess(helper);
    await cgroup.create({}, { pid: hold.pid });
    expect(show(unitOf(cgroup), "TimeoutStopUSec").TimeoutStopUSec).toBe("7s");
  });

  test("what cannot be had leaves no unit, and says why", async () => {
    const cgroup = await open({ annotations: { "org.systemd.property.NoSuchThing": "true" } });
    using hold = await holdProcess(helper);
    const failure = await cgroup.create({}, { pid: hold.pid }).catch((error) => error);
    expect(failure.message).toContain("NoSuchThing");
    const second = await open();
    expect(await second.create({ cpu: { cpus: "4000" } }, { pid: hold.pid }).catch((error) => error)).toBeInstanceOf(
      Error,
    );
    expect(second.group.exists()).toBe(false);
    expect(await (await open()).create({}).catch((error) => error.message)).toContain("needs a process to begin with");
  });

  test.skipIf(!isSecond)(
    "a user's own systemd keeps the groups of that user's containers",
    async () => {
      // www-data of every Debian; its systemd is a service here, since no session begins in a guest.
      const uid = 33;
      const directory = `/run/user/${uid}`;
      const service = `gantry-user-${process.pid}.service`;
      mkdirSync("/run/user", { recursive: true });
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      chownSync(directory, uid, uid);
      const how = [
        `--unit=${service}`,
        `--uid=${uid}`,
        "-p",
        "Delegate=yes",
        "-E",
        `XDG_RUNTIME_DIR=${directory}`,
        "-E",
        "HOME=/tmp",
      ];
      try {
        expect(spawnSync("systemd-run", [...how, "/lib/systemd/systemd", "--user"], { encoding: "utf8" }).status).toBe(
          0,
        );
        const deadline = performance.now() + 30_000;
        while (!existsSync(join(directory, "systemd/private")) && performance.now() < deadline) await Bun.sleep(20);
        const id = `u${process.pid}`;
        const script = join(import.meta.dir, "systemd-user-child.ts");
        const child = spawn(process.execPath, [script, `unix:path=${directory}/bus`, id], {
          ...{ uid, gid: uid, stdio: ["pipe", "pipe", "inherit"] },
          env: { PATH: process.env.PATH, HOME: "/tmp", TMPDIR: "/tmp" },
        });
        const told = await new Promise<string>((resolve) => {
          child.stdout?.once("data", (bytes) => resolve(String(bytes)));
          child.once("close", () => resolve("{}"));
        });
        const { path = "", pids } = JSON.parse(told);
        expect(path).toBe(`/system.slice/${service}/user.slice/runc-${id}.scope`);
        expect(pids.length).toBe(2);
        const folder = join("/sys/fs/cgroup", path);
        expect(readFileSync(join(folder, "pids.max"), "utf8").trim()).toBe("11");
        expect(readFileSync(join(folder, "memory.max"), "utf8").trim()).toBe(String(32 << 20));
        child.stdin?.write("go on\n");
        expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
        expect(existsSync(folder)).toBe(false);
      } finally {
        spawnSync("systemctl", ["stop", service]);
        rmSync(directory, { recursive: true, force: true });
      }
    },
    120_000,
  );

  test("the system bus does what systemd's own socket does", async () => {
    using manager = await SystemdManager.connect(
      SYSTEM_SOCKETS.filter(({ isBus }) => isBus),
      { uid: 0 },
    );
    expect(manager.version).toBeGreaterThan(200);
    using hold = await holdProcess(helper);
    const unit = `gantry-bus-${process.pid}.scope`;
    await manager.startTransientUnit(unit, [["PIDs", { signature: "au", value: [hold.pid] }]]);
    expect(show(unit, "ActiveState").ActiveState).toBe("active");
    await manager.stopUnit(unit);
    await manager.stopUnit(unit);
    expect(show(unit, "LoadState").LoadState).toBe("not-found");
  });
});
