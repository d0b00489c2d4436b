import { expect, test } from "bun:test";
import { findCgroup2 } from "./cgroup-options.ts";

test("the mount of v2 control groups, and its superblock's options", () => {
  const mountinfo = [
    "22 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw",
    "31 22 0:27 / /mnt/a\\040b rw,nosuid shared:5 master:2 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot",
    "",
  ].join("\n");
  expect(findCgroup2(mountinfo)).toEqual({ path: "/mnt/a b", options: ["nsdelegate", "memory_recursiveprot"] });
  expect(findCgroup2("22 1 254:0 / / rw - ext4 /dev/vda rw\n")).toBeUndefined();
});
