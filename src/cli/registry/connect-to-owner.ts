import { realpathSync } from "node:fs";
import type { EngineApi } from "../../api/engine-api.ts";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import type { CommandContext } from "../command.ts";

/**
 * The daemon that has a root which is in use.
 *
 * @param root undefined for that of whichever daemon there is, started if there is none.
 * @param hint what to do if it is no daemon's.
 * @throws `conflict` if another process has it: what is meant for one root is not done to the daemon's.
 */
export async function connectToOwner(
  context: CommandContext,
  root: string | undefined,
  hint: string,
): Promise<EngineApi> {
  if (root === undefined) return await context.connect();
  let daemonRoot: string;
  try {
    // Somebody has the root already: a daemon that is started now would be one more.
    const api = await context.connect({ mayStart: false });
    daemonRoot = (await api.info()).DockerRootDir;
    if (placeOf(root) === placeOf(daemonRoot)) return api;
  } catch (cause) {
    // Without the rights to ask a daemon nobody can tell if it is the owner: that another process is, is what has to be known first.
    if (isGantryError(cause, "permission-denied"))
      throw await inUse(root, "if that is a daemon, only root may use it", hint);
    if (!isGantryError(cause, "unavailable")) throw cause;
    throw await inUse(root, cause.message, hint);
  }
  throw await inUse(root, `the daemon's root is ${daemonRoot}`, hint);
}

async function inUse(root: string, noOwner: string, hint: string): Promise<GantryError> {
  const { rootOwner } = await import("../../daemon/root-owner.ts");
  return new GantryError("conflict", `${root} is in use by ${rootOwner(root)}, and ${noOwner}`, { hint });
}

/** Without links, if it is there. */
function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
