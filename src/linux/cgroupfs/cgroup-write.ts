import type { DeviceFilter } from "../bpf/device-filter.ts";

/** One value for one file of a container's control group. */
export interface CgroupFileWrite {
  /** A v1 controller's name (`memory`), or `unified` for the folder of the v2 hierarchy. */
  readonly controller: string;
  readonly file: string;
  readonly value: string;
  /** The place in the OCI specification that asked for it, `linux.resources.memory.limit`. */
  readonly cause: string;
  /** Left out in silence when the kernel does not have the file; otherwise that is refused by name. */
  readonly optional?: boolean;
  /** What to write instead, in order, when the kernel does not have `file`. */
  readonly alternatives?: readonly { readonly file: string; readonly value: string }[];
}

/** The devices that a v2 group may use; the kernel wants a program there instead of a file's value. */
export interface CgroupDeviceWrite {
  readonly controller: "unified";
  readonly devices: DeviceFilter;
  readonly cause: string;
}

export type CgroupWrite = CgroupFileWrite | CgroupDeviceWrite;
