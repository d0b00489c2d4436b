import { readdirSync, rmdirSync } from "node:fs";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost, CgroupStats } from "../../linux/cgroupfs/index.ts";
import { ContainerCgroup } from "../../linux/cgroupfs/index.ts";
import { planCgroup } from "../../runtime/cgroup/index.ts";
import type { CgroupReading, EngineCgroup, EngineCgroups } from "../dependencies.ts";

/**
 * The cgroups of one daemon's containers: `gantry-<root hash>/<container id>` in each hierarchy.
 *
 * Memory without a word on swap allows as much swap again, as in Docker; where the kernel does not count swap, that default
 * (and only that) falls away.
 */
export function hostCgroups(host: CgroupHost, options: { readonly rootHash: string }): EngineCgroups {
  const parent = `gantry-${options.rootHash}`;
  const open = (id: string): ContainerCgroup => ContainerCgroup.open(host, `${parent}/${id}`);
  return {
    version: host.mode === "v2" ? 2 : 1,
    async create(id, resources, flags) {
      const writes = planCgroup(resources, host).map((write) =>
        flags.isSwapDefault && write.cause === "linux.resources.memory.swap" && "file" in write
          ? { ...write, optional: true }
          : write,
      );
      const name = `${parent}/${id}`;
      try {
        return cgroupOf(ContainerCgroup.create(host, name, writes));
      } catch (error) {
        if (!isGantryError(error, "already-exists")) throw error;
        // Of a run that ended while no daemon was there to see to it.
        const left = open(id);
        await left.kill();
        await left.remove();
        return cgroupOf(ContainerCgroup.create(host, name, writes));
      }
    },
    open: (id) => cgroupOf(open(id)),
    list() {
      const ids = new Set<string>();
      for (const { path } of ContainerCgroup.open(host, parent).folders) {
        for (const entry of foldersIn(path)) if (/^[0-9a-f]{64}$/.test(entry)) ids.add(entry);
      }
      return [...ids];
    },
    tidy() {
      for (const { path } of ContainerCgroup.open(host, parent).folders) removeIfEmpty(path);
    },
    pathOf: (id) => `/${parent}/${id}`,
  };
}

function foldersIn(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** The kernel refuses where groups or processes are below. */
function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // In use, or not there.
  }
}

function cgroupOf(group: ContainerCgroup): EngineCgroup {
  return {
    folders: group.folders,
    freeze: () => group.freeze(),
    thaw: () => group.thaw(),
    pids: () => group.pids(),
    kill: () => group.kill(),
    read: () => readingOf(group.stats()),
    oomKills: () => group.oomKills(),
    tryRemove: () => group.tryRemove(),
    remove: () => group.remove(),
  };
}

function readingOf(stats: CgroupStats): CgroupReading {
  const { cpu, memory, pids, blockIo } = stats;
  return {
    cpu,
    memory,
    pids,
    blockIo: blockIo.flatMap(({ major, minor, readBytes, writeBytes }) => [
      { major, minor, op: "read" as const, bytes: readBytes },
      { major, minor, op: "write" as const, bytes: writeBytes },
    ]),
  };
}
