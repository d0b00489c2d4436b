import { realpathSync } from "node:fs";
import type { EngineApi } from "../../api/engine-api.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CommandContext } from "../command.ts";

/**
 * The daemon that has a root which is in use.
 *
 * @param root undefined for that of whichever daemon there is.
 * @throws `conflict` if another process has it: what is meant for one root is not done to the daemon's.
 */
export async function connectToOwner(context: CommandContext, root: string | undefined): Promise<EngineApi> {
  const api = await context.connect();
  if (root === undefined) return api;
  const { DockerRootDir } = await api.info();
  if (placeOf(root) === placeOf(DockerRootDir)) return api;
  throw new GantryError("conflict", `${root} is in use by another process, and the daemon's root is ${DockerRootDir}`, {
    hint: "a registry that is served looks after its root by itself; for anything else end it first",
  });
}

/** Without links, if it is there. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
