import { readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost, CgroupStats, CgroupWrite } from "../../linux/cgroupfs/index.ts";
import { ContainerCgroup } from "../../linux/cgroupfs/index.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { planCgroup, writeAgain } from "../../runtime/cgroup/index.ts";
import type { CgroupReading, EngineCgroup, EngineCgroups } from "../dependencies.ts";

/**
 * The cgroups of one daemon's containers: `gantry-<root hash>/<container id>` in each hierarchy.
 *
 * Memory without a word on swap allows as much swap again, as in Docker; where the kernel does not count swap, that default
 * (and only that) falls away.
 */
export function hostCgroups(host: CgroupHost, options: { readonly rootHash: string }): EngineCgroups {
  const ours = `gantry-${options.rootHash}`;
  const plan: PlanLimits = (resources, { isSwapDefault }) =>
    planCgroup(resources, host).map((write) =>
      isSwapDefault && write.cause === "linux.resources.memory.swap" && "file" in write
        ? { ...write, optional: true }
        : write,
    );
  const open = (id: string, parent?: string): ContainerCgroup =>
    parent === undefined ? ContainerCgroup.open(host, `${ours}/${id}`) : ContainerCgroup.at(host, join(parent, id));
  return {
    version: host.mode === "v2" ? 2 : 1,
    async create(id, resources, flags) {
      const writes = plan(resources, flags);
      const group = open(id, flags.parent);
      // Whose the groups above are is not known: their processes stay where they are.
      const make = (): void => {
        group.make(writes, { movesNothing: flags.parent !== undefined });
      };
      try {
        make();
      } catch (error) {
        if (!isGantryError(error, "already-exists")) throw error;
        // Of a run that ended while no daemon was there to see to it.
        await group.kill();
        await group.remove();
        make();
      }
      return cgroupOf(group, plan);
    },
    open: (id, parent) => cgroupOf(open(id, parent), plan),
    list() {
      const ids = new Set<string>();
      for (const { path } of ContainerCgroup.open(host, ours).folders) {
        for (const entry of foldersIn(path)) if (/^[0-9a-f]{64}$/.test(entry)) ids.add(entry);
      }
      return [...ids];
    },
    tidy() {
      for (const { path } of ContainerCgroup.open(host, ours).folders) removeIfEmpty(path);
    },
    pathOf: (id, parent) => (parent === undefined ? `/${ours}/${id}` : join(parent, id)),
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

type PlanLimits = (resources: Resources, flags: { readonly isSwapDefault: boolean }) => readonly CgroupWrite[];

function cgroupOf(group: ContainerCgroup, plan: PlanLimits): EngineCgroup {
  return {
    folders: group.folders,
    async update(resources, { previous, isSwapDefault }) {
      try {
        group.update(plan(resources, { isSwapDefault }));
      } catch (error) {
        writeAgain(group, () => plan(previous, { isSwapDefault: true }));
        throw error;
      }
    },
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
