import { once } from "node:events";
import type { Server } from "node:http";
import { GantryError } from "../../errors/gantry-error.ts";

export interface ListenOptions {
  readonly hostname: string;
  /** 0: one that is free. */
  readonly port: number;
  /** Another server of this user may listen at the same address. */
  readonly isShared: boolean;
}

/**
 * Lets a server of node:http or node:https listen. Bun makes each of a Bun.serve, to which node:http cannot say two things; so Bun.serve is one
 * that adds them for as long as `listen` is called here. Nothing documents this: `listen-through-bun.test.ts` notices if a new Bun has it otherwise.
 *
 * - `development: false`: else Bun answers `GET /bun:info` by itself, and tells everybody its version and the kernel's.
 * - `reusePort`, for `isShared`: Bun's node:http has it for the workers of a cluster alone (1.4.5).
 *
 * Not among them is `idleTimeout`, which would end a connection also while its answer is made: node:http sets it to 0 itself. Routes must
 * not be, though the kernel would send their files (`connection-descriptor.ts` lets it): in node:http's mode Bun dispatches a request while a
 * route still answers the one before on the same connection. Answers then change places, and a client that hangs up meanwhile ends the process
 * with a segmentation fault (measured with 1.4.5).
 *
 * @returns the Bun.serve, which knows its port, and also ends connections that have not finished their handshake: node:http does not know them
 * @throws whatever the kernel says of the address; `internal` if this Bun made no Bun.serve of the server
 */
export async function listenThroughBun(node: Server, options: ListenOptions): Promise<Bun.Server<undefined>> {
  const { serve } = Bun;
  let server: Bun.Server<undefined> | undefined;
  const adding = (own: object): Bun.Server<undefined> => {
    const all = { ...own, development: false, reusePort: options.isShared };
    server = serve(all as Parameters<typeof serve>[0]) as Bun.Server<undefined>;
    return server;
  };
  const listening = once(node, "listening");
  Bun.serve = adding as typeof serve;
  try {
    node.listen({ host: options.hostname, port: options.port });
  } finally {
    Bun.serve = serve;
  }
  await listening;
  if (server !== undefined) return server;
  node.close();
  throw new GantryError("internal", "cannot listen: this Bun does not make a Bun.serve of a server of node:http");
}
