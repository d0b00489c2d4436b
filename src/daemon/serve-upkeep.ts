import { PROGRAM_VERSION } from "../cli/version.ts";
import type { DoorRegistry } from "../doors/docker/door-parts.ts";
import { upkeepRoute } from "../doors/docker/registry-routes.ts";
import { serveDocker } from "../doors/docker/serve-docker.ts";
import { isGantryError } from "../errors/gantry-error.ts";
import { monotonicUs } from "../platform/monotonic-clock.ts";
import { TraceStore } from "../trace/trace-store.ts";
import { registrySocket } from "./registry-socket.ts";

export interface ServeUpkeepOptions {
  /** The caller has its lock: a socket that is there is a killed process's. */
  readonly root: string;
  readonly registry: Pick<DoorRegistry, "upkeep">;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/**
 * Answers the daemon's call for upkeep, and no other, at the root's own socket, until it is disposed. Nobody but this user may connect.
 * A registry whose root takes no socket, as some file systems do not, is served all the same, and its operator is told.
 */
export async function serveUpkeep({ root, registry, warn }: ServeUpkeepOptions): Promise<AsyncDisposable> {
  try {
    return await serveDocker({
      socketPath: registrySocket(root),
      routes: [upkeepRoute(registry)],
      traces: new TraceStore(monotonicUs),
      serverName: `gantry/${PROGRAM_VERSION} (linux)`,
      warn,
    });
  } catch (error) {
    if (!isGantryError(error)) throw error;
    warn(
      `the registry is served, but \`gantry registry collect\`, \`retention\` and \`scrub\` cannot reach it: ${error.message}`,
    );
    return new AsyncDisposableStack();
  }
}
