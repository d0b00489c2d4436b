export type { CgroupFolder } from "./cgroup-folder.ts";
export {
  type CgroupHost,
  type CgroupMount,
  findController,
  findUnified,
} from "./cgroup-host.ts";
export type { BlockIoStats, CgroupStats } from "./cgroup-stats.ts";
export type { CgroupDeviceWrite, CgroupFileWrite, CgroupWrite } from "./cgroup-write.ts";
export { ContainerCgroup, type WaitOptions } from "./container-cgroup.ts";
export { type DetectCgroupsOptions, detectCgroups } from "./detect-cgroups.ts";
export { groupBelow } from "./group-below.ts";
