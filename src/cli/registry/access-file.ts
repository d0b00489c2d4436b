import type { UserAccounts } from "../../daemon/registry-accounts.ts";
import type { CommandContext } from "../command.ts";
import { textFlag } from "../flags/flag.ts";
import { resolveHostPath } from "../values/host-path.ts";

/** Which file of rules a command works on. */
export const ACCESS_FLAGS = {
  access: textFlag("The file of users and rights (default access.toml in the root)"),
  root: textFlag("The registry's root (default GANTRY_ROOT, else /var/lib/gantry)"),
} as const;

/** The users in that file. */
export async function openAccessFile(
  { terminal, settings }: CommandContext,
  flags: { readonly access: string | undefined; readonly root: string | undefined },
): Promise<UserAccounts> {
  const [{ openAccounts }, { accessPath }, { resolveLocations }] = await Promise.all([
    import("../../daemon/registry-accounts.ts"),
    import("../../daemon/access-path.ts"),
    import("../../daemon/locations.ts"),
  ]);
  if (flags.access !== undefined) return openAccounts(resolveHostPath(flags.access, terminal));
  const given = flags.root ?? settings.root;
  const root = given === undefined ? {} : { root: resolveHostPath(given, terminal) };
  return openAccounts(accessPath(resolveLocations(root, terminal.environment).root));
}
