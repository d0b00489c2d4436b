import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmdirSync } from "node:fs";
import { join } from "node:path";
import { ContainerCgroup, detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { findCgroup2, readCgroup2 } from "../../src/linux/mount/cgroup-options.ts";
import type { NamespaceType } from "../../src/oci/runtime-spec.ts";
import { planCgroup } from "../../src/runtime/cgroup/index.ts";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";
import { parseMountInfo, tryMounts } from "./runtime-mounts-fixture.ts";
import { Fixture } from "./supervise-fixture.ts";

const host = detectCgroups();
const isUnified = host.mounts.length === 1 && host.mounts[0]?.version === 2;
const NAMESPACES: readonly NamespaceType[] = ["pid", "network", "ipc", "uts", "mount"];

let fixture: Fixture;
let group: ContainerCgroup;
beforeAll(() => {
  fixture = new Fixture();
  const name = `gantry-test-mounts-${process.pid}/1`;
  group = ContainerCgroup.create(host, name, planCgroup({}, host));
});
afterAll(async () => {
  await group.remove();
  for (const { path } of group.folders)
    try {
      rmdirSync(join(path, ".."));
    } catch {
      // gone with the group
    }
  await fixture[Symbol.asyncDispose]();
});

async function inContainer(access: "ro" | "rw", isIsolated: boolean, script: string): Promise<string> {
  const kinds = isIsolated ? [...NAMESPACES, "cgroup" as const] : NAMESPACES;
  const options = ["nosuid", "noexec", "nodev", access];
  const { stdout, stderr } = await tryMounts(fixture, script, {
    mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options }],
    linux: { namespaces: kinds.map((type) => ({ type })) },
    plan: { cgroups: group.folders, cgroupOptions: readCgroup2()?.options },
  });
  return stdout + stderr;
}

/** Where a hierarchy is in the container. */
const places = host.mounts.map(({ mountPoint }) => mountPoint);

describe.each([true, false])("a mount of cgroups, in a namespace of its own: %p", (isIsolated) => {
  test("shows the container's own groups, or on v2 alone all of them where they are named from the top", async () => {
    const script = `for p in ${places.join(" ")}; do grep -c . $p/cgroup.procs; done; cat /proc/self/cgroup`;
    const text = await inContainer("ro", isIsolated, script);
    const lines = text.trim().split("\n");
    const counts = lines.slice(0, places.length).map(Number);
    // The shell and grep; on the whole of v2 the root group has the host's.
    if (isUnified && !isIsolated) expect(counts).toHaveLength(1);
    else expect(counts).toEqual(places.map(() => 2));
    expect(lines.slice(places.length).some((line) => line.endsWith(":/"))).toBe(isIsolated);
  });

  test("is written to if it is not read-only", async () => {
    const own = isUnified && !isIsolated ? "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)" : places[0];
    const script = `mkdir ${own}/made && echo made && rmdir ${own}/made; touch /sys/fs/cgroup/x`;
    expect(await inContainer("rw", isIsolated, script)).toContain("made\n");
    const refused = await inContainer("ro", isIsolated, script);
    expect(refused).not.toContain("made\n");
    expect(refused.match(/Read-only file system/g)?.length).toBe(2);
  });

  test("has the attributes that were asked for, all the way down", async () => {
    const text = await inContainer("ro", isIsolated, "cat /proc/self/mountinfo");
    const mounts = parseMountInfo(text).filter(({ path }) => path.startsWith("/sys/fs/cgroup"));
    expect(mounts.length).toBe(isUnified ? 1 : places.length + 1);
    expect(new Set(mounts.map(({ attributes }) => attributes))).toEqual(new Set(["ro,nosuid,nodev,noexec,relatime"]));
    expect(new Set(mounts.map(({ propagation }) => propagation))).toEqual(new Set([""]));
  });
});

test.skipIf(runtimeSkipReason() !== undefined || !isUnified)(
  "a mount of all of v2 leaves the machine the options of its hierarchy",
  () => {
    const before = readCgroup2();
    using bundle = new RuntimeBundle();
    bundle.write({
      process: { args: ["cat", "/proc/self/mountinfo"] },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
      ],
      linux: { namespaces: [{ type: "pid" }, { type: "mount" }] },
    });
    const { status, stdout } = bundle.run("run", `gantry-options-${process.pid}`);
    expect({ status, seen: findCgroup2(stdout)?.options, after: readCgroup2() }).toEqual({
      status: 0,
      seen: before?.options,
      after: before,
    });
  },
);
