import { diskError } from "../../errors/disk-error.ts";
import { formatError } from "../../errors/gantry-error.ts";
import { type HttpPeer, type HttpServer, serveHttp } from "../../platform/http-server.ts";
import { addCommonHeaders } from "./common-headers.ts";
import { errorResponse } from "./error-response.ts";
import type { ListenAddress } from "./listen-address.ts";
import { listenOn } from "./listen-on.ts";
import { answerRegistry, type RegistryDoorOptions } from "./registry-door.ts";
import { readTlsFiles, stampOfTlsFiles, type TlsFiles } from "./tls-files.ts";

export interface ServeRegistryOptions extends RegistryDoorOptions {
  readonly listen: ListenAddress;
  /** @default plain HTTP */
  readonly tls?: TlsFiles;
}

/** The registry's door, open. */
export interface RegistryDoor extends AsyncDisposable {
  /** Where it is, with the port that was chosen. */
  readonly address: ListenAddress;
  /** Ends every connection, as `HttpServer.close` does; what clients were uploading is kept for them to go on with. */
  close(): Promise<void>;
}

/** How soon a new certificate is seen. */
const TLS_LOOK_MS = 2000;

/**
 * Serves the distribution specification's API. A certificate that is replaced on disk is taken for new connections, and one that is
 * no good is not: that is told, and the old one stays.
 *
 * @throws `unavailable` if the address cannot be had, `invalid-argument` for certificates that are no good.
 */
export async function serveRegistry(options: ServeRegistryOptions): Promise<RegistryDoor> {
  const { listen, tls } = options;
  const secure = tls === undefined ? {} : { tls: readTlsFiles(tls) };
  const handle = (request: Request, peer: HttpPeer): Promise<Response> => answerRegistry(request, peer, options);
  const onUnreadable = (error: unknown): Response => answerUnreadable(error, options);
  const onScarce = (limit: number): void =>
    options.warn(
      `few of the ${limit} files that the registry may have open are left: idle connections are ended, and some requests told to come again (raise the limit: ulimit -n, or LimitNOFILE= of its unit)`,
    );
  const server = await listenOn("registry", listen, () =>
    serveHttp({ ...listen, ...secure, handle, onUnreadable, onScarce }),
  );
  const watch = tls === undefined ? undefined : watchTls(tls, server, options.warn);
  const close = async (): Promise<void> => {
    clearInterval(watch);
    await server.close();
  };
  return { address: { hostname: listen.hostname, port: server.port }, close, [Symbol.asyncDispose]: close };
}

/** A blob's file is opened when its answer is sent: it may be gone, or there may be no descriptor for it. */
function answerUnreadable(cause: unknown, { warn }: RegistryDoorOptions): Response {
  const error = diskError("cannot read a blob", cause);
  if (error.code !== "unavailable") warn(formatError(error));
  const response = errorResponse(error);
  addCommonHeaders(response.headers);
  return response;
}

function watchTls(
  files: TlsFiles,
  server: HttpServer,
  warn: (sentence: string) => void,
): ReturnType<typeof setInterval> {
  let known = stampOfTlsFiles(files);
  const look = async (): Promise<void> => {
    const stamp = stampOfTlsFiles(files);
    if (stamp === known) return;
    known = stamp;
    try {
      await server.replaceTls(readTlsFiles(files));
    } catch (error) {
      warn(`the registry keeps the certificate that it has: ${formatError(error)}`);
    }
  };
  return setInterval(() => void look(), TLS_LOOK_MS).unref();
}
