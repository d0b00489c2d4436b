export type { CgroupWrite } from "../../linux/cgroupfs/cgroup-write.ts";
export { cpuWeightOfShares, ioWeightOfBlkioWeight } from "./cpu-weight.ts";
export { planCgroup } from "./plan-cgroup.ts";
export { DEFAULT_DEVICE_RULES } from "./plan-devices.ts";
