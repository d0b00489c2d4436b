import { closeSync, existsSync, type FSWatcher, openSync, read, watch, writeSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { parseFlatKeyed, readIfThere, writeExisting } from "./cgroup-files.ts";
import type { CgroupFolders } from "./cgroup-stats.ts";

export interface OomWatch extends Disposable {
  /** Resolves when there is nothing more to watch: the group is empty or gone, or the watch was disposed of. */
  readonly ended: Promise<void>;
}

const EFD_CLOEXEC = 0o2000000;

/**
 * Tells whenever the container's memory was used up: on v2 when the kernel killed a process for it, on v1 also when it only
 * stopped one (`disableOOMKiller`).
 *
 * @throws `unsupported` without a memory controller.
 */
export function watchOom(group: CgroupFolders, version: 1 | 2, onOom: () => void): OomWatch {
  const folder = version === 2 ? group.folderOf("unified") : group.folderOf("memory");
  if (folder === undefined || !existsSync(folder)) {
    throw new GantryError("unsupported", "what happens to memory cannot be watched: there is no memory controller");
  }
  return version === 2 ? watchVersion2(folder, onOom) : watchVersion1(folder, onOom);
}

/** The kernel says by inotify that these files changed (cgroup-v2.rst, "memory.events"). */
function watchVersion2(folder: string, onOom: () => void): OomWatch {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watchers: FSWatcher[] = [];
  const count = (file: string, key: string): number =>
    parseFlatKeyed(readIfThere(join(folder, file)) ?? "").get(key) ?? 0;
  const end = (): void => {
    for (const watcher of watchers.splice(0)) watcher.close();
    resolve();
  };
  let killed = count("memory.events", "oom_kill");
  const look = (): void => {
    const now = count("memory.events", "oom_kill");
    for (; killed < now; killed++) onOom();
    if (count("cgroup.events", "populated") === 0) end();
  };
  for (const file of ["memory.events", "cgroup.events"]) {
    watchers.push(watch(join(folder, file), look).on("error", end));
  }
  return { ended: promise, [Symbol.dispose]: end };
}

/** An eventfd that the kernel counts up (cgroup-v1/memory.rst, "OOM Control"), and once more when the group goes. */
function watchVersion1(folder: string, onOom: () => void): OomWatch {
  const { promise, resolve } = Promise.withResolvers<void>();
  const event = syscall(SYS.eventfd2, 0, EFD_CLOEXEC);
  if (event < 0) throw new GantryError("internal", `cannot watch memory: ${describeErrno(-event)}`);
  const control = openSync(join(folder, "memory.oom_control"), "r");
  try {
    writeExisting(join(folder, "cgroup.event_control"), `${event} ${control}`);
  } catch (error) {
    closeSync(event);
    throw new GantryError("internal", "cannot watch what happens to memory", { cause: error });
  } finally {
    closeSync(control);
  }
  let isOver = false;
  const bytes = new Uint8Array(8);
  const next = (): void => {
    // It waits in a thread of its own; `dispose` counts up too, and so wakes it.
    read(event, bytes, 0, 8, null, (error) => {
      if (error !== null || isOver || !existsSync(join(folder, "cgroup.event_control"))) {
        isOver = true;
        closeSync(event);
        resolve();
        return;
      }
      onOom();
      next();
    });
  };
  next();
  const dispose = (): void => {
    if (isOver) return;
    isOver = true;
    writeSync(event, new Uint8Array(new BigUint64Array([1n]).buffer));
  };
  return { ended: promise, [Symbol.dispose]: dispose };
}
