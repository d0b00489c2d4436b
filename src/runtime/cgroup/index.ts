export type { CgroupWrite } from "../../linux/cgroupfs/cgroup-write.ts";
export type { Cgroup, CreateCgroupOptions, UpdateCgroupOptions } from "./cgroup.ts";
export { cgroupOwner } from "./cgroup-owner.ts";
export { cpuWeightOfShares, ioWeightOfBlkioWeight } from "./cpu-weight.ts";
export { type HoldProcess, holdProcess } from "./hold-process.ts";
export { type OpenCgroupOptions, openCgroup } from "./open-cgroup.ts";
export { writeAgain } from "./plain-cgroup.ts";
export { planCgroup } from "./plan-cgroup.ts";
export { DEFAULT_DEVICE_RULES } from "./plan-devices.ts";
