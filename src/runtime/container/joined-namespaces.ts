import { statSync } from "node:fs";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { ExternalNamespace } from "../criu/common-options.ts";

/** As /proc calls them (proc_pid_ns(5)). */
const FILES: Readonly<Record<ExternalNamespace, string>> = { network: "net", pid: "pid" };

/**
 * Inodes of the namespaces that a container has joined, of those that criu has to be told of. They are init's own: the
 * path in the configuration may be gone, or lead to another process by now (`/proc/PID/ns/net`).
 */
export function readJoinedNamespaces(
  { linux }: RuntimeSpec,
  pid: number,
): Partial<Readonly<Record<ExternalNamespace, number>>> {
  const joined: Partial<Record<ExternalNamespace, number>> = {};
  for (const { type, path } of linux?.namespaces ?? [])
    if (path && (type === "network" || type === "pid")) joined[type] = statSync(`/proc/${pid}/ns/${FILES[type]}`).ino;
  return joined;
}
