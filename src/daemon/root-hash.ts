import { createHash } from "node:crypto";

/** Eight hexadecimal digits that tell this root's names on the host (bridges, tables, cgroups) from another's. */
export function hashRoot(root: string): string {
  return createHash("sha256").update(root).digest("hex").slice(0, 8);
}
