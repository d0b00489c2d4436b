import { createServer as createHttpServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { API_VERSION, compareApiVersions, MINIMUM_API_VERSION } from "../../api/api-version.ts";
import type { TraceStore } from "../../trace/trace-store.ts";
import { errorAnswer, RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { HttpExchange, type RequestLine, UpgradeExchange } from "./http-exchange.ts";
import { Query } from "./query.ts";
import { type Route, Router } from "./router.ts";

/** What a client gets to send its request's head. Bodies take as long as they take: an archive may come slowly. */
const HEADERS_TIMEOUT_MS = 60_000;
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_TRACE_NAME_LENGTH = 64;

export interface DockerServerOptions {
  readonly routes: readonly Route[];
  /** `gantry/<version> (linux)`, told in the header `Server`. */
  readonly serverName: string;
  /** Where a request is noted whose header `Gantry-Trace` names a trace. */
  readonly traces: TraceStore;
  /** Told about each request. */
  readonly onRequest?: () => void;
  /** Told about requests that failed because of a defect. */
  readonly warn: (sentence: string) => void;
}

/**
 * Docker's API on connections that are handed in with `emit("connection", socket)`.
 *
 * Connections are made by a server of `allowHalfOpen`, so that the end of a client's input does not end its output.
 */
export function createDockerServer(options: DockerServerOptions): HttpServer {
  const router = new Router(options.routes);
  const server = createHttpServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: 0,
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: 0,
  });
  const commonHeaders = {
    "Api-Version": API_VERSION,
    "Docker-Experimental": "false",
    Ostype: "linux",
    Server: options.serverName,
  };
  server.on("request", (request, response) => {
    for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
    void answer(router, request, (line) => new HttpExchange(request, response, line), options);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Uint8Array) => {
    socket.pause();
    void answer(router, request, (line) => new UpgradeExchange(request, socket, head, line), options);
  });
  server.on("clientError", (_error: Error, socket: Socket) => {
    if (!socket.writable) return;
    const body = `${JSON.stringify({ message: "malformed HTTP request" })}\n`;
    const head = ["HTTP/1.1 400 Bad Request", "Content-Type: application/json", `Content-Length: ${body.length}`];
    socket.end(`${head.join("\r\n")}\r\nConnection: close\r\n\r\n${body}`);
  });
  return server;
}

async function answer(
  router: Router,
  request: IncomingMessage,
  open: (line: RequestLine) => Exchange,
  options: DockerServerOptions,
): Promise<void> {
  options.onRequest?.();
  const { method = "GET" } = request;
  const { path, version, query } = parseTarget(request.url ?? "/");
  const match = router.find(method, path);
  const apiVersion = version ?? API_VERSION;
  const trace = options.traces.open(traceName(request), path.split("/").at(-1) ?? "");
  const exchange = open({ method, path, apiVersion, query, parameters: match?.parameters ?? {}, trace });
  using _span = trace.span(`${method} ${match?.route.path ?? path}`);
  try {
    checkVersion(apiVersion);
    if (match === undefined) throw new RequestError(404, "page not found");
    if (exchange.isUpgrade && match.route.isHijackable !== true) {
      throw new RequestError(400, "this call cannot be upgraded: leave out the Upgrade header");
    }
    await match.route.handle(exchange);
  } catch (error) {
    if (exchange.signal.aborted) return;
    const { status, message } = errorAnswer(error);
    if (status === 500) options.warn(`${method} ${path} failed: ${message}`);
    // An answer that has begun cannot become an error: it is broken off, so that nobody takes it for complete.
    if (exchange.hasAnswered) exchange.break();
    else exchange.sendJson(status, { message });
  }
}

function traceName(request: IncomingMessage): string | undefined {
  const name = request.headers["gantry-trace"];
  return typeof name === "string" && name !== "" ? name.slice(0, MAX_TRACE_NAME_LENGTH) : undefined;
}

function parseTarget(target: string): {
  readonly path: string;
  readonly version: string | undefined;
  readonly query: Query;
} {
  const [, whole = "/", search = ""] = /^([^?#]*)(?:\?([^#]*))?/s.exec(target) ?? [];
  const query = new Query(new URLSearchParams(search));
  const versioned = /^\/v(\d{1,3}\.\d{1,3})(\/.*)$/s.exec(whole);
  if (versioned === null) return { path: whole, version: undefined, query };
  return { path: versioned[2] ?? "/", version: versioned[1], query };
}

function checkVersion(version: string): void {
  if (compareApiVersions(version, MINIMUM_API_VERSION) < 0) {
    throw new RequestError(
      400,
      `client version ${version} is too old. Minimum supported API version is ${MINIMUM_API_VERSION}, please upgrade your client to a newer version`,
    );
  }
  if (compareApiVersions(version, API_VERSION) > 0) {
    throw new RequestError(
      400,
      `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`,
    );
  }
}
