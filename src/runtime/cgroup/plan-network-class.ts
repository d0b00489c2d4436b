import { GantryError } from "../../errors/gantry-error.ts";
import { type CgroupHost, findController } from "../../linux/cgroupfs/cgroup-host.ts";
import type { CgroupFileWrite } from "../../linux/cgroupfs/cgroup-write.ts";
import type { Resources } from "../../oci/runtime-spec.ts";
import { requireInteger } from "./require-controller.ts";

type Network = NonNullable<Resources["network"]>;

const CAUSE = "linux.resources.network";

function requireFirst(host: CgroupHost, controller: string, cause: string): void {
  if (findController(host, controller)?.version === 1) return;
  throw new GantryError(
    "unsupported",
    `${cause} needs the cgroup v1 controller "${controller}", which this machine lacks`,
    {
      hint: "v2 has none; leave the option out",
    },
  );
}

/** The writes for `linux.resources.network`, which only v1 can do; see `planCgroup`. */
export function planNetworkClass(network: Network, host: CgroupHost): readonly CgroupFileWrite[] {
  const writes: CgroupFileWrite[] = [];
  if (network.classID !== undefined && network.classID !== 0) {
    const cause = `${CAUSE}.classID`;
    const value = String(requireInteger(network.classID, cause, { min: 0, max: 0xffff_ffff }));
    requireFirst(host, "net_cls", cause);
    writes.push({ controller: "net_cls", file: "net_cls.classid", value, cause });
  }
  for (const [index, { name, priority }] of (network.priorities ?? []).entries()) {
    const cause = `${CAUSE}.priorities[${index}]`;
    // A name of an interface is up to 15 bytes without slash, colon and white space (net/core/dev.c, dev_valid_name).
    if (!/^[^\s/:]{1,15}$/.test(name)) {
      throw new GantryError("invalid-argument", `${cause}.name is not a name of an interface: ${JSON.stringify(name)}`);
    }
    requireInteger(priority, `${cause}.priority`, { min: 0, max: 0xffff_ffff });
    requireFirst(host, "net_prio", cause);
    writes.push({ controller: "net_prio", file: "net_prio.ifpriomap", value: `${name} ${priority}`, cause });
  }
  return writes;
}
