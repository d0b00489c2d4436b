import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups, findController } from "../../src/linux/cgroupfs/index.ts";
import { findCgroup2, readCgroup2 } from "../../src/linux/mount/cgroup-options.ts";
import { EngineFixture } from "./engine-fixture.ts";

const host = detectCgroups();
const isSecond = host.mode === "v2";
const parent = `/gantry-parent-${process.pid}`;

let fixture: EngineFixture;
beforeAll(async () => {
  fixture = await EngineFixture.open();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  for (const { mountPoint } of host.mounts) {
    if (existsSync(join(mountPoint, parent))) rmdirSync(join(mountPoint, parent));
  }
});

type Config = Parameters<EngineFixture["run"]>[0];

/** Runs `body` while a container with this configuration sleeps. */
async function whileRunning(
  config: Config,
  body: (id: string, folderOf: (controller: string) => string) => Promise<void>,
) {
  const { id } = await fixture.engine.create(
    { image: "box", network: { mode: "none" }, command: ["sleep", "100"], ...config },
    {},
  );
  try {
    await fixture.engine.start(id);
    const above = config.resources?.cgroupParent ?? `/gantry-${fixture.rootHash}`;
    await body(id, (controller) => join(findController(host, controller)?.mountPoint ?? "", above, id));
  } finally {
    await fixture.engine.remove(id, { force: true });
  }
}

const read = (folder: string, file: string): string => readFileSync(join(folder, file), "utf8").trim();

/** A disk of the host, for what is limited by device. */
const disk = ["/dev/vda", "/dev/sda", "/dev/nvme0n1"].find((path) => existsSync(path));

describe("limits of a container", () => {
  test.skipIf(!isSecond)(
    "leaves the machine the options of its hierarchy, in the machine's cgroup namespace",
    async () => {
      const before = readCgroup2();
      const { stdout } = await fixture.run({
        command: ["cat", "/proc/self/mountinfo"],
        namespaces: { cgroup: "host" },
        autoRemove: true,
      });
      expect({ seen: findCgroup2(stdout)?.options, after: readCgroup2() }).toEqual({
        seen: before?.options,
        after: before,
      });
    },
  );

  test("of each of its processes, and whom the host kills first", async () => {
    const { stdout } = await fixture.run({
      command: ["sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj"],
      resources: {
        ulimits: [
          { name: "nofile", soft: 77, hard: 99 },
          { name: "core", soft: 0, hard: -1 },
        ],
      },
      oomScoreAdj: 321,
      autoRemove: true,
    });
    expect(stdout).toBe("77\n99\n0\n321\n");
  });

  test.skipIf(disk === undefined)("of a device's use", async () => {
    const path = disk ?? "";
    const { rdev } = statSync(path);
    const name = `${(rdev >> 8) & 0xfff}:${rdev & 0xff}`;
    const resources = { readBytesPerSecond: [{ path, rate: 1 << 20 }], writesPerSecond: [{ path, rate: 50 }] };
    await whileRunning({ resources }, async (_, folderOf) => {
      if (isSecond) {
        expect(read(folderOf("io"), "io.max")).toBe(`${name} rbps=1048576 wbps=max riops=max wiops=50`);
      } else {
        expect(read(folderOf("blkio"), "blkio.throttle.read_bps_device")).toBe(`${name} 1048576`);
        expect(read(folderOf("blkio"), "blkio.throttle.write_iops_device")).toBe(`${name} 50`);
      }
    });
    const { id } = await fixture.engine.create(
      { image: "box", network: { mode: "none" }, resources: { readsPerSecond: [{ path: "/dev/null", rate: 1 }] } },
      {},
    );
    await expect(fixture.engine.start(id)).rejects.toThrow("/dev/null is not a block device");
    await fixture.engine.remove(id);
  });

  test("swappiness and no killing: v1 has them, v2 discards them with a warning", async () => {
    const resources = { memoryBytes: 32 << 20, memorySwappiness: 7, oomKillDisable: true };
    const { id, warnings } = await fixture.engine.create({ image: "box", network: { mode: "none" }, resources }, {});
    expect(warnings.length).toBe(isSecond ? 2 : 0);
    await fixture.engine.remove(id);
    if (isSecond) return;
    await whileRunning({ resources }, async (_, folderOf) => {
      expect(read(folderOf("memory"), "memory.swappiness")).toBe("7");
      expect(read(folderOf("memory"), "memory.oom_control")).toContain("oom_kill_disable 1");
    });
  });

  test("a rule for devices lets them be used", async () => {
    const use = {
      command: ["sh", "-c", "mknod /tmp/r c 10 232; cat </dev/null >/tmp/r && echo opened"],
      autoRemove: true,
    };
    expect((await fixture.run(use)).stderr).toContain("Operation not permitted");
    const { stdout, stderr } = await fixture.run({ ...use, resources: { deviceRules: ["c 10:* rwm"] } });
    expect(`${stdout}${stderr}`).not.toContain("Operation not permitted");
  });

  test("a parent of the caller's: the group is there, paused, listed, and gone at the end", async () => {
    await whileRunning({ resources: { cgroupParent: parent, pidsLimit: 9 } }, async (id, folderOf) => {
      expect(read(folderOf("pids"), "pids.max")).toBe("9");
      await fixture.engine.pause(id);
      await fixture.engine.unpause(id);
      expect((await fixture.exec(id, ["true"])).exitCode).toBe(0);
      expect((await fixture.engine.top(id)).rows.length).toBe(1);
      for await (const sample of fixture.engine.stats(id)) {
        expect(sample.pids.limit).toBe(9);
        break;
      }
    });
    for (const { mountPoint } of host.mounts) {
      const folders = readdirSync(join(mountPoint, parent), { withFileTypes: true }).filter((one) => one.isDirectory());
      expect(folders).toEqual([]);
    }
    const outside = { image: "box", network: { mode: "none" }, resources: { cgroupParent: "/a/../../b" } };
    await expect(fixture.engine.create(outside, {})).rejects.toThrow("leads out of where it begins");
  });

  test("are changed while it runs, and hold when it starts again", async () => {
    await whileRunning({ resources: { memoryBytes: 64 << 20, pidsLimit: 20 } }, async (id, folderOf) => {
      expect(await fixture.engine.update(id, { memoryBytes: 96 << 20, pidsLimit: -1, cpuShares: 512 })).toEqual({
        warnings: [],
      });
      const memory = isSecond ? "memory.max" : "memory.limit_in_bytes";
      expect(read(folderOf("memory"), memory)).toBe(String(96 << 20));
      expect(read(folderOf("pids"), "pids.max")).toBe("max");
      expect(fixture.engine.inspect(id).config.resources).toEqual({
        memoryBytes: 96 << 20,
        pidsLimit: -1,
        cpuShares: 512,
      });
      await fixture.engine.restart(id, { timeoutSeconds: 0 });
      expect(read(folderOf("memory"), memory)).toBe(String(96 << 20));
    });
    expect(fixture.events()).toContain("container update");
  });

  test("what cannot be changed is refused by name, and nothing is changed", async () => {
    await whileRunning({ resources: { pidsLimit: 20, nanoCpus: 5e8 } }, async (id, folderOf) => {
      const update = (change: object): Promise<unknown> => fixture.engine.update(id, change);
      await expect(update({ cgroupParent: "/x", pidsLimit: 5 })).rejects.toThrow("cgroupParent cannot be changed");
      await expect(update({ cpuQuota: 5000 })).rejects.toThrow(
        "CPU Quota cannot be updated as NanoCPUs has already been set",
      );
      await expect(update({ memoryBytes: 1024 })).rejects.toThrow("Minimum memory limit allowed is 6MB");
      expect(read(folderOf("pids"), "pids.max")).toBe("20");
      expect(fixture.engine.inspect(id).config.resources).toEqual({ pidsLimit: 20, nanoCpus: 5e8 });
    });
  });
});
