import { readFileSync } from "node:fs";
import { cString, SYS, syscall } from "../../platform/libc.ts";

const AT_FDCWD = -100;
const FSPICK_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_CMD_RECONFIGURE = 7;
/** Options that are the superblock's own and no mount's. */
const COMMON = new Set(["rw", "ro"]);

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
        options: options.split(",").filter((option) => !COMMON.has(option)),
      };
  }
  return undefined;
}

function read(): ReturnType<typeof findCgroup2> {
  return findCgroup2(readFileSync("/proc/thread-self/mountinfo", "utf8"));
}

function reconfigure(path: string, options: readonly string[]): void {
  const fd = syscall(SYS.fspick, AT_FDCWD, cString(path), FSPICK_CLOEXEC);
  if (fd < 0) return;
  for (const option of options) syscall(SYS.fsconfig, fd, FSCONFIG_SET_FLAG, cString(option), null, 0);
  syscall(SYS.fsconfig, fd, FSCONFIG_CMD_RECONFIGURE, null, null, 0);
  syscall(SYS.close, fd);
}

/**
 * Gives the host's v2 control groups their options (`nsdelegate`, `memory_recursiveprot`) back when it is disposed of: who
 * mounts them without options, as criu does to look at them, takes those from the whole machine (cgroup-v2.rst, "Mounting").
 */
export function keepCgroupOptions(): Disposable {
  const before = read();
  return {
    [Symbol.dispose]: () => {
      const after = read();
      if (before !== undefined && after !== undefined && before.options.join() !== after.options.join())
        reconfigure(after.path, before.options);
    },
  };
}
