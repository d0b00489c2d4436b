import { GantryError } from "../../errors/gantry-error.ts";
import type { NamespaceType } from "../../oci/runtime-spec.ts";

/** CLONE_NEW… of each kind of namespace (include/uapi/linux/sched.h). */
export const NAMESPACE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
  time: 0x80,
};

/** The flag of a kind of namespace. */
export function namespaceFlag(type: NamespaceType, path: string): number {
  const flag = NAMESPACE_FLAGS[type];
  if (flag === undefined) throw new GantryError("invalid-argument", `${path}: no such namespace: ${String(type)}`);
  return flag;
}
