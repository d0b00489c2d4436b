import { describe, expect, test } from "bun:test";
import type { Linux, RootfsPropagation } from "../../oci/runtime-spec.ts";
import { formatPlan } from "./format-plan.ts";
import {
  findKernelMounts,
  planEnterRoot,
  planPropagation,
  planRootfs,
  planSealRoot,
  resolveInBundle,
} from "./plan-root.ts";

function text(rootfsPropagation: RootfsPropagation | undefined): string[] {
  const linux: Linux = rootfsPropagation === undefined ? {} : { rootfsPropagation };
  const steps = [
    ...planPropagation(linux),
    planRootfs({ type: "bind", path: "/r" }, linux),
    ...planSealRoot(linux, false),
  ];
  return formatPlan({ steps })
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ {2}#.*$/, ""));
}
const SLAVE = "set-propagation flags=0x84000";
const PRIVATE_ROOT = 'root-bind propagation=0x40000 path="/r"';

describe("rootfsPropagation", () => {
  const cases: readonly (readonly [RootfsPropagation | undefined, readonly string[]])[] = [
    [undefined, [SLAVE, PRIVATE_ROOT]],
    ["private", [SLAVE, PRIVATE_ROOT]],
    ["rprivate", ["set-propagation flags=0x44000", PRIVATE_ROOT, "root-propagation flags=0x44000"]],
    ["slave", [SLAVE, 'root-bind propagation=0x80000 path="/r"', "root-propagation flags=0x80000"]],
    ["rslave", [SLAVE, 'root-bind propagation=0x80000 path="/r"', "root-propagation flags=0x84000"]],
    ["shared", ["set-propagation flags=0", PRIVATE_ROOT, "root-propagation flags=0x100000"]],
    ["rshared", ["set-propagation flags=0", PRIVATE_ROOT, "root-propagation flags=0x104000"]],
    ["unbindable", [SLAVE, PRIVATE_ROOT, "root-propagation flags=0x20000"]],
    ["runbindable", [SLAVE, PRIVATE_ROOT, "root-propagation flags=0x24000"]],
  ];
  test.each(cases)("%s", (propagation, expected) => {
    expect(text(propagation)).toEqual([...expected]);
  });

  test("any other is refused by name", () => {
    expect(() => text("toString" as RootfsPropagation)).toThrow(
      'linux.rootfsPropagation: no such propagation: "toString"',
    );
  });
});

describe("without pivot_root", () => {
  const MOUNT_INFO = `22 27 0:21 / /proc rw,relatime - proc proc rw
23 27 0:22 / /sys rw,relatime shared:1 master:2 - sysfs sysfs rw
24 23 0:6 /sys /proc/sys ro - proc proc rw
25 27 0:21 / /mnt/a\\040b/proc rw - proc proc rw
26 27 0:21 / /bundle/rootfs/proc rw - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
`;
  test("whole proc and sysfs mounts of the host are taken away, those of the container are not", () => {
    expect(findKernelMounts(MOUNT_INFO, "/bundle/rootfs")).toEqual(["/proc", "/sys", "/mnt/a b/proc"]);
    expect(findKernelMounts("nonsense\n", "/")).toEqual([]);
  });

  test("then the root is moved", () => {
    expect(planEnterRoot(["/proc"]).map(({ op }) => op)).toEqual(["detach-path", "move-root"]);
    expect(planEnterRoot([]).map(({ op }) => op)).toEqual(["move-root"]);
    expect(planEnterRoot().map(({ op }) => op)).toEqual(["pivot-root"]);
  });
});

test("a path of the bundle", () => {
  expect(["rootfs", "/a/../b", ".", "../x"].map((path) => resolveInBundle(path, "/c/d"))).toEqual([
    "/c/d/rootfs",
    "/b",
    "/c/d",
    "/c/x",
  ]);
});
