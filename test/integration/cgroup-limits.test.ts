import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ContainerCgroup, detectCgroups, findController } from "../../src/linux/cgroupfs/index.ts";
import type { Resources } from "../../src/oci/runtime-spec.ts";
import { DEFAULT_DEVICE_RULES, planCgroup } from "../../src/runtime/cgroup/index.ts";

const host = detectCgroups();
/** A read-only `/sys/fs/cgroup` (in a container) says no. */
const canWriteCgroups = host.mounts.every(({ mountPoint }) => {
  try {
    closeSync(openSync(join(mountPoint, "cgroup.procs"), "r+"));
    return readdirSync(mountPoint).length > 0;
  } catch {
    return false;
  }
});
const canRun = process.getuid?.() === 0 && canWriteCgroups && findController(host, "memory") !== undefined;
const parent = `gantry-test-${process.pid}`;
let count = 0;
const groups: ContainerCgroup[] = [];

function create(resources: Resources): ContainerCgroup {
  const group = ContainerCgroup.create(host, `${parent}/${++count}`, planCgroup(resources, host));
  groups.push(group);
  return group;
}

/** Runs a shell script in the group: the shell puts itself there first, and only then goes on. */
function run(group: ContainerCgroup, script: string): ChildProcess & { readonly text: Promise<string> } {
  const join = group.folders.map(({ path }) => `echo $$ > ${path}/cgroup.procs`).join(" && ");
  const child = spawn("/bin/sh", ["-c", `${join} || exit 99\n${script}`], { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (bytes) => (text += bytes));
  child.stderr.on("data", (bytes) => (text += bytes));
  return Object.assign(child, { text: new Promise<string>((resolve) => child.on("close", () => resolve(text))) });
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error("it never came to be");
    await delay(5);
  }
}

afterEach(async () => {
  for (const group of groups.splice(0)) {
    await group.kill();
    await group.remove();
    for (const { path } of group.folders) expect(existsSync(path)).toBe(false);
  }
  ContainerCgroup.removeParent(host, parent);
  expect(ContainerCgroup.list(host, parent)).toEqual([]);
});

describe.skipIf(!canRun)("a container's control group on this kernel", () => {
  test("kills what takes more memory than it may, and counts it", async () => {
    const group = create({ memory: { limit: 16 << 20, swap: 16 << 20 } });
    const child = run(group, "exec python3 -c 'x = bytearray(128 << 20)'");
    await child.text;
    expect(child.signalCode).toBe("SIGKILL");
    expect(group.oomKills()).toBe(1);
    expect(group.stats().memory).toMatchObject({ limitBytes: 16 << 20 });
  });

  test("throttles what takes more processor time than it may", async () => {
    const group = create({ cpu: { quota: 5_000, period: 50_000 } });
    run(group, "while :; do :; done");
    // A period is counted when it ends, its time when the group may run again.
    await until(() => {
      const { cpu } = group.stats();
      return cpu.throttledPeriods >= 2 && cpu.throttledNs > 0;
    });
    const { cpu } = group.stats();
    expect(cpu.totalNs).toBeGreaterThan(0);
  });

  test("refuses a fork above the limit of processes", async () => {
    const group = create({ pids: { limit: 3 } });
    const child = run(group, "for i in 1 2 3 4 5; do sleep 100 & done; wait");
    let said = "";
    child.stderr?.on("data", (bytes) => {
      said += bytes;
    });
    await until(() => /fork/i.test(said));
    expect(group.stats().pids.limit).toBe(3);
    expect(group.pids().length).toBeLessThanOrEqual(3);
  });

  test("stops all while it is frozen, lets go on, and kills what is frozen", async () => {
    const group = create({});
    const child = run(group, "while :; do :; done");
    const usedMs = (): number => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      return Number(fields[11]) + Number(fields[12]);
    };
    await until(() => group.pids().includes(child.pid ?? 0) && usedMs() > 1);
    await group.freeze();
    const before = usedMs();
    await delay(60);
    expect(usedMs()).toBe(before);
    await group.thaw();
    await until(() => usedMs() > before);
    await group.freeze();
    await group.kill();
    await child.text;
    expect(child.signalCode).toBe("SIGKILL");
  });

  test("kills a fork bomb", async () => {
    const group = create({ pids: { limit: 60 } });
    // Its processes do not give up when a fork fails: they are there again as soon as one of them is not killed.
    run(group, "exec python3 -c 'import os\nwhile True:\n  try: os.fork()\n  except OSError: pass'");
    await until(() => group.pids().length > 30);
    await group.kill();
    expect(group.pids()).toEqual([]);
  });

  test("lets be used the usual devices and no others", async () => {
    const group = create({ devices: DEFAULT_DEVICE_RULES });
    const child = run(
      group,
      "head -c1 /dev/zero | wc -c; echo > /dev/null && echo written; head -c1 /dev/kmsg; head -c1 /dev/mem",
    );
    const text = await child.text;
    expect(text).toContain("1\nwritten\n");
    expect(text).toMatch(/kmsg.*Operation not permitted/);
  });

  test("changes limits in any direction, though the kernel wants an order", () => {
    const group = create({ memory: { limit: 32 << 20, swap: 64 << 20 }, cpu: { quota: 50_000, period: 100_000 } });
    const update = (resources: Resources): void => group.update(planCgroup(resources, host));
    update({ memory: { limit: 128 << 20, swap: 256 << 20 }, cpu: { quota: 2_000, period: 2_000 } });
    update({ memory: { limit: 16 << 20, swap: 16 << 20 }, cpu: { quota: 900_000, period: 900_000 } });
    update({ memory: { limit: -1 }, cpu: { quota: -1 } });
    expect(group.stats().memory.limitBytes).toBeUndefined();
  });

  test("says who refused what, and leaves nothing when it cannot be made", () => {
    const resources: Resources = { cpu: { cpus: "4000" } };
    expect(() => create(resources)).toThrow('linux.resources.cpu.cpus: the kernel refused "4000" for cpuset.cpus');
    expect(ContainerCgroup.list(host, parent)).toEqual([]);
  });

  test("is found again by name, also when it made groups inside of its own", async () => {
    const group = create({});
    for (const { path } of group.folders) Bun.spawnSync(["mkdir", "-p", `${path}/inner/most`]);
    const again = ContainerCgroup.open(host, `${parent}/${count}`);
    expect(ContainerCgroup.list(host, parent)).toEqual([String(count)]);
    expect(() => ContainerCgroup.create(host, `${parent}/${count}`, [])).toThrow("is there already");
    await again.remove();
    await again.remove();
    expect(ContainerCgroup.list(host, parent)).toEqual([]);
  });
});
