import { closeSync, openSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";
import { addressOf } from "../../platform/memory-address.ts";
import type { DeviceFilter } from "./device-filter.ts";
import { encodeDeviceProgram } from "./device-program.ts";

// include/uapi/linux/bpf.h
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_PROG_QUERY = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_ALLOW_MULTI = 2;

const ATTRIBUTES_BYTES = 128;
const MAX_PROGRAMS = 64;

interface BpfResult {
  readonly result: number;
  readonly view: DataView;
  /** Part of the result so that what the attributes point to stays alive for the call. */
  readonly memory: readonly NodeJS.TypedArray[];
}

function bpf(command: number, fill: (view: DataView) => void, memory: readonly NodeJS.TypedArray[] = []): BpfResult {
  const attributes = new Uint8Array(ATTRIBUTES_BYTES);
  const view = new DataView(attributes.buffer);
  fill(view);
  return { result: syscall(SYS.bpf, command, attributes, ATTRIBUTES_BYTES), view, memory };
}

function check(result: number, what: string): number {
  if (result >= 0) return result;
  const errno = -result;
  const code =
    errno === ERRNO.EPERM
      ? "permission-denied"
      : errno === ERRNO.ENOSYS || errno === ERRNO.EINVAL
        ? "unsupported"
        : "internal";
  throw new GantryError(code, `cannot ${what} the device filter of a control group: ${describeErrno(errno)}`, {
    hint: "the kernel needs CONFIG_CGROUP_BPF, and the daemon CAP_SYS_ADMIN",
  });
}

function loadProgram(filter: DeviceFilter): number {
  const program = encodeDeviceProgram(filter);
  const license = cString("Apache");
  const { result } = bpf(
    BPF_PROG_LOAD,
    (view) => {
      view.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
      view.setUint32(4, program.byteLength / 8, true);
      view.setBigUint64(8, addressOf(program), true);
      view.setBigUint64(16, addressOf(license), true);
    },
    [program, license],
  );
  return check(result, "load");
}

function attachedPrograms(folder: number): readonly number[] {
  const ids = new Uint32Array(MAX_PROGRAMS);
  const { result, view } = bpf(
    BPF_PROG_QUERY,
    (attributes) => {
      attributes.setUint32(0, folder, true);
      attributes.setUint32(4, BPF_CGROUP_DEVICE, true);
      attributes.setBigUint64(16, addressOf(ids), true);
      attributes.setUint32(24, MAX_PROGRAMS, true);
    },
    [ids],
  );
  check(result, "look for");
  return [...ids.subarray(0, Math.min(view.getUint32(24, true), MAX_PROGRAMS))];
}

function detach(folder: number, id: number): void {
  const { result: program } = bpf(BPF_PROG_GET_FD_BY_ID, (view) => view.setUint32(0, id, true));
  if (program < 0) return;
  try {
    const { result } = bpf(BPF_PROG_DETACH, (view) => {
      view.setUint32(0, folder, true);
      view.setUint32(4, program, true);
      view.setUint32(8, BPF_CGROUP_DEVICE, true);
    });
    check(result, "replace");
  } finally {
    closeSync(program);
  }
}

/**
 * Makes `filter` the one that says which devices the processes of a v2 group may use. The kernel keeps it as long as the
 * group is there. On a group that has one already it takes its place, without a moment in which neither holds: as long
 * as both are attached an access needs the consent of both.
 */
export function attachDeviceFilter(folder: string, filter: DeviceFilter): void {
  const folderFd = openSync(folder, "r");
  try {
    const before = attachedPrograms(folderFd);
    const program = loadProgram(filter);
    try {
      const { result } = bpf(BPF_PROG_ATTACH, (view) => {
        view.setUint32(0, folderFd, true);
        view.setUint32(4, program, true);
        view.setUint32(8, BPF_CGROUP_DEVICE, true);
        view.setUint32(12, BPF_F_ALLOW_MULTI, true);
      });
      check(result, "attach");
    } finally {
      closeSync(program);
    }
    for (const id of before) detach(folderFd, id);
  } finally {
    closeSync(folderFd);
  }
}
