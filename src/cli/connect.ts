import { join } from "node:path";
import type { EngineApi } from "../api/engine-api.ts";
import { connectEngine } from "../client/engine-client.ts";
import { awaitDaemon, ensureDaemon } from "../daemon/ensure-daemon.ts";
import { type LocationOptions, resolveLocations } from "../daemon/locations.ts";
import type { SocketStream } from "../platform/socket-stream.ts";
import type { ConnectOptions, GlobalSettings } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** The places that the settings name. */
export function locationOptions({ host, root, state }: GlobalSettings): LocationOptions {
  return {
    ...(host === undefined ? {} : { host }),
    ...(root === undefined ? {} : { root }),
    ...(state === undefined ? {} : { state }),
  };
}

/**
 * The daemon that the settings mean. One that is to be found at its own place is started if it does not answer; a
 * socket elsewhere is somebody else's, and is only connected to.
 */
export async function connectToDaemon(
  settings: GlobalSettings,
  options: ConnectOptions & { readonly selfCommand: () => readonly [string, ...string[]]; readonly terminal: Terminal },
): Promise<EngineApi> {
  const locations = resolveLocations(locationOptions(settings), options.terminal.environment);
  if (options.isAgain === true) await awaitDaemon(locations);
  let connection: SocketStream | undefined;
  if (locations.socketPath === join(locations.state, "gantry.sock")) {
    connection = await ensureDaemon(locations, {
      selfCommand: options.selfCommand,
      userId: options.terminal.userId,
      ...(options.mayStart === undefined ? {} : { mayStart: options.mayStart }),
    });
  }
  return connectEngine(`unix://${locations.socketPath}`, {
    ...(options.trace === undefined ? {} : { trace: options.trace }),
    ...(connection === undefined ? {} : { connection }),
  });
}
