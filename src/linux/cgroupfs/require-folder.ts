import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupFolders } from "./cgroup-stats.ts";

/**
 * The folder for a controller that something asks for.
 *
 * @param cause the place in the specification that asks.
 * @throws `unsupported` when the machine lacks the controller.
 */
export function requireFolder(group: CgroupFolders, controller: string, cause: string): string {
  const folder = group.folderOf(controller);
  if (folder === undefined) {
    throw new GantryError(
      "unsupported",
      `${cause} needs the cgroup controller "${controller}", which this machine lacks`,
    );
  }
  return folder;
}
