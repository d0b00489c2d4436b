import { cString, SYS, syscall } from "../../platform/libc.ts";
import { readCgroup2 } from "./cgroup-options.ts";

const AT_FDCWD = -100;
const FSPICK_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_CMD_RECONFIGURE = 7;
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
  const before = readCgroup2();
  return {
    [Symbol.dispose]: () => {
      const after = readCgroup2();
      if (before !== undefined && after !== undefined && before.options.join() !== after.options.join())
        reconfigure(after.path, before.options);
    },
  };
}
