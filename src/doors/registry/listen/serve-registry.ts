import { RegistryError } from "../../../distribution/repositories/registry-error.ts";
import { diskError } from "../../../errors/disk-error.ts";
import { formatError } from "../../../errors/gantry-error.ts";
import type { HttpPeer } from "../../../platform/http/http-peer.ts";
import { type HttpServer, serveHttp } from "../../../platform/http/http-server.ts";
import type { TargetProblem } from "../../../platform/http/request-target.ts";
import type { ServerTls } from "../../../platform/http/server-tls.ts";
import { addCommonHeaders } from "../common-headers.ts";
import { errorResponse } from "../error-response.ts";
import { answerRegistry, type RegistryDoorOptions } from "../registry-door.ts";
import type { ListenAddress } from "./listen-address.ts";
import { listenOn } from "./listen-on.ts";
import { findLapse, readTlsFiles, stampOfTlsFiles, type TlsFiles } from "./tls-files.ts";

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
  const certificates = tls === undefined ? undefined : readTlsFiles(tls);
  const secure = certificates === undefined ? {} : { tls: certificates };
  const handle = (request: Request, peer: HttpPeer): Promise<Response> => answerRegistry(request, peer, options);
  const onUnreadable = (error: unknown): Response => answerUnreadable(error, options);
  const onScarce = (limit: number): void =>
    options.warn(
      `few of the ${limit} files that the registry may have open are left: idle connections are ended, and some requests told to come again (raise the limit: ulimit -n, or LimitNOFILE= of its unit)`,
    );
  const server = await listenOn("registry", listen, () =>
    serveHttp({ ...listen, ...secure, handle, onUnreadable, onBadRequest: answerBadRequest, onScarce }),
  );
  const watch =
    tls === undefined || certificates === undefined ? undefined : watchTls({ ...options, tls, certificates }, server);
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

const BAD_REQUEST: Readonly<Record<TargetProblem, string>> = {
  host: "the request has no Host, several, or one that is no host",
  target: "the request's target is no path: this is a registry, and no proxy",
};

function answerBadRequest(problem: TargetProblem): Response {
  const error = new RegistryError("UNSUPPORTED", BAD_REQUEST[problem], { status: 400 });
  const response = errorResponse(error);
  addCommonHeaders(response.headers);
  return response;
}

interface WatchTlsOptions extends Pick<RegistryDoorOptions, "now" | "warn"> {
  readonly tls: TlsFiles;
  /** What is shown by now. */
  readonly certificates: ServerTls;
}

function watchTls(
  { tls: files, certificates, now, warn }: WatchTlsOptions,
  server: HttpServer,
): ReturnType<typeof setInterval> {
  let known = stampOfTlsFiles(files);
  let shown = certificates;
  let toldLapse: string | undefined;
  const tellLapse = (): void => {
    const lapse = findLapse(shown, now());
    if (lapse !== undefined && lapse !== toldLapse) {
      warn(
        `clients refuse the certificate in ${files.certificate}, which ${lapse} (put a new one there: it is taken at once)`,
      );
    }
    toldLapse = lapse;
  };
  tellLapse();
  const look = async (): Promise<void> => {
    tellLapse();
    const stamp = stampOfTlsFiles(files);
    if (stamp === known) return;
    known = stamp;
    try {
      const fresh = readTlsFiles(files);
      await server.replaceTls(fresh);
      shown = fresh;
      tellLapse();
    } catch (error) {
      warn(`the registry keeps the certificate that it has: ${formatError(error)}`);
    }
  };
  return setInterval(() => void look(), TLS_LOOK_MS).unref();
}
