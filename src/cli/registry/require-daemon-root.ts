import { GantryError } from "../../errors/gantry-error.ts";
import type { CommandContext } from "../command.ts";
import { locationOptions } from "../connect.ts";
import { resolveHostPath } from "../values/host-path.ts";

/**
 * Says that the daemon that would be asked has another root than the one that is meant.
 *
 * @param root as the command's `--root` says it; undefined means the daemon's own.
 * @throws `conflict`
 */
export async function requireDaemonRoot(
  { settings, terminal }: Pick<CommandContext, "settings" | "terminal">,
  root: string | undefined,
): Promise<void> {
  if (root === undefined) return;
  const { resolveLocations } = await import("../../daemon/locations.ts");
  const path = resolveHostPath(root, terminal);
  const known = resolveLocations(locationOptions(settings), terminal.environment).root;
  if (path === known) return;
  throw new GantryError("conflict", `another process serves ${path}, and the daemon here has ${known}`, {
    hint: "end that process first; if it is a daemon, say which: gantry --root DIR --state DIR registry …",
  });
}
