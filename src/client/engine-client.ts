import type { EngineApi } from "../api/engine-api.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { containerCalls } from "./container-calls.ts";
import { execCalls } from "./exec-calls.ts";
import { parseHost } from "./host.ts";
import { imageCalls } from "./image-calls.ts";
import { networkCalls } from "./network-calls.ts";
import { registryCalls } from "./registry-calls.ts";
import { systemCalls } from "./system-calls.ts";
import { volumeCalls } from "./volume-calls.ts";

/** Where a daemon listens when nothing else is said. */
export const DEFAULT_HOST = "unix:///run/gantry/gantry.sock";

/**
 * A client of the daemon at `host` (`unix:///path`). Nothing is connected yet: calls at the same time have a connection each.
 *
 * @throws `unsupported` for hosts that are not sockets of this machine.
 */
export function connectEngine(host: string = DEFAULT_HOST, options: CallerOptions = {}): EngineApi {
  const caller = new Caller(parseHost(host), options);
  return {
    ...systemCalls(caller),
    ...containerCalls(caller),
    ...execCalls(caller),
    ...imageCalls(caller),
    ...networkCalls(caller),
    ...volumeCalls(caller),
    ...registryCalls(caller),
  };
}
