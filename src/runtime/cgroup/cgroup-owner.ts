import type { RuntimeSpec } from "../../oci/runtime-spec.ts";

/**
 * The user of the host who is to own a container's v2 group (config-linux.md, "Cgroup ownership"): the one that its root is,
 * when it has a user and a cgroup namespace of its own and sees the hierarchy writable. Nobody otherwise.
 */
export function cgroupOwner(spec: RuntimeSpec): number | undefined {
  const namespaces = spec.linux?.namespaces ?? [];
  const isOwn = (type: string): boolean => namespaces.some((one) => one.type === type && !one.path);
  const mount = spec.mounts?.find(({ type, destination }) => type === "cgroup" && destination === "/sys/fs/cgroup");
  if (mount === undefined || mount.options?.includes("ro") || !isOwn("user") || !isOwn("cgroup")) return undefined;
  return spec.linux?.uidMappings?.find(({ containerID, size }) => containerID === 0 && size > 0)?.hostID;
}
