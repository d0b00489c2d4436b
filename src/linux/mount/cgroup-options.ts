import { readFileSync } from "node:fs";

/** Options that a file system has whatever it is, or that a security module adds: not to be given. */
const COMMON = new Set(["rw", "ro", "sync", "dirsync", "lazytime", "seclabel"]);

/** The first mount of v2 control groups in a mountinfo (proc_pid_mountinfo(5)), with the options of its superblock. Pure. */
export function findCgroup2(
  mountinfo: string,
): { readonly path: string; readonly options: readonly string[] } | undefined {
  for (const line of mountinfo.split("\n")) {
    const [mount = "", superblock = ""] = line.split(" - ");
    const [type, , options = ""] = superblock.split(" ");
    if (type === "cgroup2")
      return {
        path: (mount.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, octal) =>
          String.fromCharCode(parseInt(octal, 8)),
        ),
        options: options.split(",").filter((option) => /^[a-z_]+$/.test(option) && !COMMON.has(option)),
      };
  }
  return undefined;
}

/** What the calling thread sees of the host's v2 control groups. */
export function readCgroup2(): ReturnType<typeof findCgroup2> {
  return findCgroup2(readFileSync("/proc/thread-self/mountinfo", "utf8"));
}
