import type { EngineApi } from "../../api/engine-api.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { CommandContext } from "../command.ts";

/**
 * Who finds out if a registry takes credentials: a daemon that is there, else this process, in the same way and without rights of root.
 * None is started for it.
 *
 * The daemon comes first, as with docker (docker/cli, `loginClientSide`), since it is the one who pulls and pushes: a proxy, a
 * `registries.toml`, a key in `certs.d` or a network may be its alone, and this process would not reach what it reaches. A socket that
 * is named (`--host`, `GANTRY_HOST`) and silent is an error all the same, unlike with docker: what its daemon calls `registry.lan`
 * may be another host here, which would be told the password.
 */
export async function connectForLogin({ terminal, connect }: CommandContext): Promise<Pick<EngineApi, "logIn">> {
  try {
    return await connect({ mayStart: false });
  } catch (error) {
    // Not there, or not for this user.
    if (!isGantryError(error, "unavailable") && !isGantryError(error, "permission-denied")) throw error;
  }
  const { RemoteRegistryTools } = await import("../../daemon/remote-registry-tools.ts");
  return new RemoteRegistryTools(terminal.environment);
}
