import type { HttpPeer } from "./http-peer.ts";
import type { LingerLimits } from "./linger.ts";
import type { TargetProblem } from "./request-target.ts";
import type { ServerTls } from "./server-tls.ts";

export interface HttpServerOptions {
  readonly hostname: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly tls?: ServerTls;
  /** Must not throw. A body whose `Content-Length` it says is sent as it comes; any other is gathered in memory. */
  readonly handle: (request: Request, peer: HttpPeer) => Promise<Response>;
  /** The answer if a file cannot be opened that `handle` gave as a body. @default the connection ends */
  readonly onUnreadable?: (error: unknown) => Response;
  /** The answer to a request that does not say its host, or whose target is no path: `CONNECT host:port`, `OPTIONS *`. The connection ends with it. @default 400 */
  readonly onBadRequest?: (problem: TargetProblem) => Response;
  /** How long, once it is answered, a client may go on with a body that nobody reads. @default LINGER */
  readonly linger?: LingerLimits;
  /** Told when there are few descriptors to spare, with how many the process may have; at most once a minute. */
  readonly onScarce?: (limit: number) => void;
}
