import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseBlkioStat, parseIoStat } from "./cgroup-stats.ts";
import { ContainerCgroup } from "./container-cgroup.ts";
import { detectCgroups, parseMountedHierarchies, parseProcessCgroups } from "./detect-cgroups.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A folder that looks like the root of a v2 hierarchy; the kernel's own doing (files in new folders) is not there. */
function fakeUnified(): string {
  const root = mkdtempSync(join(tmpdir(), "gantry-cgroup-"));
  folders.push(root);
  writeFileSync(join(root, "cgroup.controllers"), "cpuset cpu io memory pids\n");
  writeFileSync(join(root, "cgroup.subtree_control"), "");
  return root;
}

function detect(root: string): ReturnType<typeof detectCgroups> {
  return detectCgroups({
    root,
    mountinfo: `30 23 0:26 / ${root} rw - cgroup2 cgroup2 rw\n`,
    ownCgroups: "0::/a.scope\n",
  });
}

describe("detectCgroups", () => {
  test("tells v1, v2 and hybrid, and finds its own place", () => {
    const cpu = "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";
    const named = "32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n";
    const unified = "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const ownCgroups = "4:cpu,cpuacct:/some/where\n1:name=systemd:/init.scope\n0::/init.scope\n";
    const v1 = detectCgroups({ mountinfo: cpu + named, ownCgroups });
    expect(v1).toEqual({
      mode: "v1",
      mounts: [
        {
          version: 1,
          controllers: ["cpu", "cpuacct"],
          mountPoint: "/sys/fs/cgroup/cpu,cpuacct",
          root: "/",
          ownPath: "/sys/fs/cgroup/cpu,cpuacct/some/where",
        },
        {
          version: 1,
          controllers: ["name=systemd"],
          mountPoint: "/sys/fs/cgroup/systemd",
          root: "/",
          ownPath: "/sys/fs/cgroup/systemd/init.scope",
        },
      ],
    });
    expect(detectCgroups({ mountinfo: unified + cpu, ownCgroups }).mode).toBe("hybrid");
    expect(detect(fakeUnified()).mounts[0]?.controllers).toEqual(["cpuset", "cpu", "io", "memory", "pids"]);
    expect(() => detectCgroups({ mountinfo: "", ownCgroups })).toThrow("no control groups are mounted");
  });

  test("in a container that sees its own part, the place outside of it is unknown", () => {
    const mountinfo = "31 30 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    const own = (path: string): string | undefined =>
      detectCgroups({ mountinfo, ownCgroups: `2:memory:${path}\n` }).mounts[0]?.ownPath;
    expect(own("/docker/abc/x")).toBe("/sys/fs/cgroup/memory/x");
    expect(own("/docker/abcd")).toBeUndefined();
    expect(own("/../..")).toBeUndefined();
  });

  test("the parsers take any text", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.constantFrom(" ", " - ", "cgroup", ":", "/", "\\040", "\n", "1")),
        (text, parts) => {
          for (const each of [text, parts.join("")]) {
            expect(Array.isArray(parseMountedHierarchies(each))).toBe(true);
            expect(parseProcessCgroups(each)).toBeInstanceOf(Map);
            expect(Array.isArray(parseIoStat(each)) && Array.isArray(parseBlkioStat(each, each))).toBe(true);
          }
        },
      ),
    );
  });
});

describe("ContainerCgroup on a pure v2 tree", () => {
  test("hands out controllers from the top and writes into its one folder", () => {
    const root = fakeUnified();
    mkdirSync(join(root, "gantry-1"));
    writeFileSync(join(root, "gantry-1/cgroup.controllers"), "cpu memory\n");
    writeFileSync(join(root, "gantry-1/cgroup.subtree_control"), "cpu\n");
    const group = ContainerCgroup.create(detect(root), "gantry-1/abc", []);
    expect(group.folders).toEqual([{ version: 2, path: join(root, "gantry-1/abc") }]);
    expect(readFileSync(join(root, "cgroup.subtree_control"), "utf8")).toBe("+cpuset +cpu +io +memory +pids");
    expect(readFileSync(join(root, "gantry-1/cgroup.subtree_control"), "utf8").trim()).toBe("+memory");
    writeFileSync(join(root, "gantry-1/abc/memory.max"), "max\n");
    const write = { controller: "unified", file: "memory.max", value: "4096", cause: "limit" };
    group.update([write, { ...write, file: "memory.none", optional: true }]);
    expect(group.stats().memory.limitBytes).toBe(4096);
    expect(() => group.update([{ ...write, file: "memory.none" }])).toThrow(
      "limit cannot be had: this kernel has no memory.none",
    );
  });

  test("what cannot be made leaves no folder", () => {
    const root = fakeUnified();
    const write = { controller: "unified", file: "pids.max", value: "1", cause: "linux.resources.pids.limit" };
    expect(() => ContainerCgroup.create(detect(root), "gantry-1/abc", [write])).toThrow("linux.resources.pids.limit");
    expect(existsSync(join(root, "gantry-1/abc"))).toBe(false);
  });

  test("reads the counters of v2", () => {
    const root = fakeUnified();
    const group = ContainerCgroup.create(detect(root), "g/a", []);
    const put = (file: string, text: string): void => writeFileSync(join(root, "g/a", file), text);
    put("cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 4\nthrottled_usec 7\n");
    put("memory.events", "low 0\nmax 6\noom 1\noom_kill 2\n");
    put("memory.current", "77\n");
    put("io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n");
    put("pids.current", "1\n");
    put("pids.max", "max\n");
    const { cpu, memory, pids, blockIo } = group.stats();
    expect(cpu).toMatchObject({ totalNs: 5000, userNs: 3000, systemNs: 2000, throttledPeriods: 4, throttledNs: 7000 });
    expect(memory).toMatchObject({ usageBytes: 77, failures: 6 });
    expect(pids).toEqual({ current: 1 });
    expect(blockIo).toEqual([
      { major: 8, minor: 0, readBytes: 1, writeBytes: 2, readOperations: 3, writeOperations: 4 },
    ]);
    expect(group.oomKills()).toBe(2);
  });

  test("a name cannot lead out of the hierarchy", () => {
    const host = detect(fakeUnified());
    for (const name of ["../x", "a/../../x", "", "a//b", "/a", "a\0"]) {
      expect(() => ContainerCgroup.open(host, name)).toThrow("not a name for a control group");
    }
  });
});
