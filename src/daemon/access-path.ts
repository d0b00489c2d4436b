import { join } from "node:path";

/** The rules of a root's registry, unless it is told to use others. */
export function accessPath(root: string): string {
  return join(root, "access.toml");
}
