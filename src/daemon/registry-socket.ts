import { join } from "node:path";

/**
 * Where a registry that is served without a daemon is asked for upkeep. In its root, and not in a folder for sockets: whoever may look after
 * the root finds it, by whichever path, and nobody has to be told of a second place. It may be longer than a socket's address: Bun binds and
 * connects by way of the folder's descriptor then (`/proc/self/fd/N/registry.sock`).
 */
export function registrySocket(root: string): string {
  return join(root, "registry.sock");
}
