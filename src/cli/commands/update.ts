import type { UpdateContainerRequest } from "../../api/container-config.ts";
import { defineCommand } from "../command.ts";
import { CONTAINER_FLAGS } from "../container/run-flags.ts";
import { eachTarget } from "../each-target.ts";
import { absentFlag } from "../flags/flag.ts";

/** Those flags of `run` that can be changed later. */
const FLAGS = {
  "blkio-weight": CONTAINER_FLAGS["blkio-weight"],
  "cpu-period": CONTAINER_FLAGS["cpu-period"],
  "cpu-quota": CONTAINER_FLAGS["cpu-quota"],
  "cpu-rt-period": CONTAINER_FLAGS["cpu-rt-period"],
  "cpu-rt-runtime": CONTAINER_FLAGS["cpu-rt-runtime"],
  "cpu-shares": CONTAINER_FLAGS["cpu-shares"],
  cpus: CONTAINER_FLAGS.cpus,
  "cpuset-cpus": CONTAINER_FLAGS["cpuset-cpus"],
  "cpuset-mems": CONTAINER_FLAGS["cpuset-mems"],
  memory: CONTAINER_FLAGS.memory,
  "memory-reservation": CONTAINER_FLAGS["memory-reservation"],
  "memory-swap": CONTAINER_FLAGS["memory-swap"],
  "pids-limit": CONTAINER_FLAGS["pids-limit"],
  restart: absentFlag({ harmless: ["", "no"] }),
} as const;

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  flags: FLAGS,
  arguments: { min: 1 },
  async run({ connect, terminal }, { flags, given, positionals }) {
    if (given.size === 0) throw new Error("you must provide one or more flags when using this command");
    const request: UpdateContainerRequest = {
      BlkioWeight: flags["blkio-weight"] ?? 0,
      CpuPeriod: flags["cpu-period"] ?? 0,
      CpuQuota: flags["cpu-quota"] ?? 0,
      CpuRealtimePeriod: flags["cpu-rt-period"] ?? 0,
      CpuRealtimeRuntime: flags["cpu-rt-runtime"] ?? 0,
      CpuShares: flags["cpu-shares"] ?? 0,
      NanoCpus: flags.cpus ?? 0,
      CpusetCpus: flags["cpuset-cpus"] ?? "",
      CpusetMems: flags["cpuset-mems"] ?? "",
      Memory: flags.memory ?? 0,
      MemoryReservation: flags["memory-reservation"] ?? 0,
      MemorySwap: flags["memory-swap"] ?? 0,
      PidsLimit: flags["pids-limit"] ?? null,
    };
    const api = await connect();
    const warnings: string[] = [];
    const status = await eachTarget(terminal, positionals, async (name) => {
      warnings.push(...((await api.updateContainer(name, request)).Warnings ?? []));
      return name;
    });
    for (const warning of warnings) await terminal.stdout.write(`${warning}\n`);
    return status;
  },
});
