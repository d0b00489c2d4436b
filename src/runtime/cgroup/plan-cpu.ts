import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupHost } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupFileWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { cpuWeightOfShares } from "./cpu-weight.ts";
import { requireController, requireInteger } from "./require-controller.ts";

type Cpu = NonNullable<Resources["cpu"]>;

const CAUSE = "linux.resources.cpu";
/** The kernel's default period, used when a quota comes without one. */
const DEFAULT_PERIOD_US = 100_000;

function planCpusets(cpu: Cpu, host: CgroupHost): CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  for (const file of ["cpus", "mems"] as const) {
    const value = cpu[file];
    if (value === undefined || value === "") continue;
    const cause = `${CAUSE}.${file}`;
    // The kernel's list format (cpuset(7)); it checks the numbers against the machine.
    if (!/^\d+(-\d+(:\d+\/\d+)?)?(,\d+(-\d+(:\d+\/\d+)?)?)*$/.test(value)) {
      throw new GantryError(
        "invalid-argument",
        `${cause} is not a list of numbers and ranges: ${JSON.stringify(value)}`,
        {
          hint: "write it like 0-2,7",
        },
      );
    }
    const version = requireController(host, "cpuset", cause);
    writes.push({ controller: version === 1 ? "cpuset" : "unified", file: `cpuset.${file}`, value, cause });
  }
  return writes;
}

function planVersion1(cpu: Cpu): CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  const add = (field: keyof Cpu, file: string, value: number | undefined): void => {
    if (value !== undefined) writes.push({ controller: "cpu", file, value: String(value), cause: `${CAUSE}.${field}` });
  };
  // Zero means "leave it", as in runc: neither the kernel's shares nor its period can be zero.
  if (cpu.shares !== undefined && cpu.shares !== 0) {
    // The kernel would take another value in silence (kernel/sched/sched.h, MIN_SHARES and MAX_SHARES).
    requireInteger(cpu.shares, `${CAUSE}.shares`, { min: 2, max: 262_144 });
  }
  add("idle", "cpu.idle", cpu.idle);
  add("shares", "cpu.shares", cpu.shares === 0 || cpu.idle === 1 ? undefined : cpu.shares);
  add("period", "cpu.cfs_period_us", cpu.period === 0 ? undefined : cpu.period);
  add("quota", "cpu.cfs_quota_us", cpu.quota === 0 ? undefined : cpu.quota);
  add("burst", "cpu.cfs_burst_us", cpu.burst);
  add("realtimePeriod", "cpu.rt_period_us", cpu.realtimePeriod === 0 ? undefined : cpu.realtimePeriod);
  add("realtimeRuntime", "cpu.rt_runtime_us", cpu.realtimeRuntime === 0 ? undefined : cpu.realtimeRuntime);
  return writes;
}

function planVersion2(cpu: Cpu): CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  const add = (field: keyof Cpu, file: string, value: string): void => {
    writes.push({ controller: "unified", file, value, cause: `${CAUSE}.${field}` });
  };
  for (const field of ["realtimePeriod", "realtimeRuntime"] as const) {
    if (cpu[field] !== undefined && cpu[field] !== 0) {
      throw new GantryError(
        "unsupported",
        `${CAUSE}.${field} needs cgroup v1: v2 has no limits for real-time processes`,
      );
    }
  }
  // First: the kernel refuses a weight for an idle group, whose weight is fixed (kernel/sched/fair.c, sched_group_set_shares).
  if (cpu.idle !== undefined) add("idle", "cpu.idle", String(cpu.idle));
  if (cpu.shares !== undefined && cpu.shares !== 0 && cpu.idle !== 1) {
    add("shares", "cpu.weight", String(cpuWeightOfShares(cpu.shares)));
  }
  if ((cpu.quota ?? 0) !== 0 || (cpu.period ?? 0) !== 0) {
    const quota = cpu.quota !== undefined && cpu.quota > 0 ? String(cpu.quota) : "max";
    const period = cpu.period === undefined || cpu.period === 0 ? DEFAULT_PERIOD_US : cpu.period;
    add("quota", "cpu.max", `${quota} ${period}`);
  }
  if (cpu.burst !== undefined) add("burst", "cpu.max.burst", String(cpu.burst));
  return writes;
}

/** The writes for `linux.resources.cpu`; see `planCgroup`. */
export function planCpu(cpu: Cpu, host: CgroupHost): readonly CgroupFileWrite[] {
  for (const field of ["shares", "period", "burst", "realtimePeriod", "idle"] as const) {
    const value = cpu[field];
    if (value !== undefined) requireInteger(value, `${CAUSE}.${field}`, { min: 0 });
  }
  if (cpu.quota !== undefined) requireInteger(cpu.quota, `${CAUSE}.quota`, { min: -1 });
  if (cpu.realtimeRuntime !== undefined) requireInteger(cpu.realtimeRuntime, `${CAUSE}.realtimeRuntime`, { min: -1 });
  // Zero is a value of these two, and "not said" of the others.
  const timed = (["idle", "burst", "shares", "period", "quota", "realtimePeriod", "realtimeRuntime"] as const).find(
    (field) => cpu[field] !== undefined && (cpu[field] !== 0 || field === "idle" || field === "burst"),
  );
  const cpusets = planCpusets(cpu, host);
  if (timed === undefined) return cpusets;
  const version = requireController(host, "cpu", `${CAUSE}.${timed}`);
  return [...(version === 1 ? planVersion1(cpu) : planVersion2(cpu)), ...cpusets];
}
