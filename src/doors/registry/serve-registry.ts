import type { Repositories } from "../../distribution/repositories/repositories.ts";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Access } from "../../identity/index.ts";
import { type HttpServer, serveHttp } from "../../platform/http-server.ts";
import type { ListenAddress } from "./listen-address.ts";
import { formatListenAddress } from "./listen-address.ts";
import { answerRegistry } from "./registry-door.ts";
import type { RegistrySettings } from "./registry-exchange.ts";

export interface ServeRegistryOptions {
  readonly listen: ListenAddress;
  readonly repositories: Repositories;
  readonly access: Access;
  readonly settings: RegistrySettings;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/** The registry's door, open. */
export interface RegistryDoor extends AsyncDisposable {
  /** Where it is, with the port that was chosen. */
  readonly address: ListenAddress;
  /** Ends every connection; what clients were uploading is kept for them to go on with. */
  close(): Promise<void>;
}

/**
 * Serves the distribution specification's API.
 *
 * @throws `unavailable` if the address cannot be had.
 */
export function serveRegistry(options: ServeRegistryOptions): RegistryDoor {
  const { listen } = options;
  let server: HttpServer;
  try {
    server = serveHttp({ ...listen, handle: (request, peer) => answerRegistry(request, peer, options) });
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const hint =
      code === "EADDRINUSE" ? { hint: "something else listens there: choose another port with --listen" } : {};
    throw new GantryError("unavailable", `the registry cannot listen on ${formatListenAddress(listen)}`, {
      ...hint,
      cause,
    });
  }
  const close = (): Promise<void> => server.close();
  return { address: { hostname: listen.hostname, port: server.port }, close, [Symbol.asyncDispose]: close };
}
