import type { EventOutbox } from "../../distribution/notifications/event-outbox.ts";
import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { Repositories } from "../../distribution/repositories/repositories.ts";
import type { UpstreamCache } from "../../distribution/upstream/upstream-cache.ts";
import { isDiskFailure } from "../../errors/disk-error.ts";
import { formatError, GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { type Access, readPeerCertificate } from "../../identity/index.ts";
import type { HttpPeer } from "../../platform/http/http-peer.ts";
import { admit } from "./admission.ts";
import { addCommonHeaders } from "./common-headers.ts";
import { dispatch } from "./endpoints.ts";
import { errorResponse } from "./error-response.ts";
import { jsonResponse } from "./json-response.ts";
import type { Observation } from "./observation.ts";
import { answerPage } from "./page/page-route.ts";
import type { RegistrySettings } from "./registry-exchange.ts";
import { parseRegistryRoute, type RegistryRoute } from "./registry-route.ts";
import { requiredScope } from "./required-scope.ts";
import { answerToken, TOKEN_PATH } from "./routes/token-routes.ts";
import { eventTeller } from "./tell-event.ts";

export interface RegistryDoorOptions {
  readonly repositories: Repositories;
  readonly access: Access;
  readonly settings: RegistrySettings;
  /** Milliseconds since 1970, with their fractions. */
  readonly now: () => number;
  /** Is told of each request when its answer begins. @default nobody is */
  readonly observe?: (observation: Observation) => void;
  /** Copies other registries. @default nothing is copied */
  readonly cache?: UpstreamCache;
  /** What happens is told there. @default it is told nobody */
  readonly outbox?: EventOutbox;
  readonly randomId: () => string;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

/** What becomes known of a request while it is answered. */
type Known = { -readonly [K in "endpoint" | "repository" | "user"]?: Observation[K] };

/** Answers one request to the registry's API. Never throws. */
export async function answerRegistry(
  request: Request,
  peer: HttpPeer,
  options: RegistryDoorOptions,
): Promise<Response> {
  const timeMs = options.now();
  const url = new URL(request.url);
  const known: Known = {};
  let response: Response;
  try {
    response = await answer({ request, peer, url, known }, options);
  } catch (error) {
    response = errorResponse(error);
    if (isForOperator(error, response.status) && !request.signal.aborted) {
      const what = `${request.method} ${url.pathname.slice(0, 200)}`;
      const why = isGantryError(error) ? formatError(error) : error instanceof Error ? error.stack : error;
      options.warn(`${what} failed: ${why}`);
    }
  }
  addCommonHeaders(response.headers);
  options.observe?.({
    timeMs,
    durationMs: options.now() - timeMs,
    method: request.method,
    path: url.pathname,
    endpoint: "none",
    ...known,
    address: peer.address,
    userAgent: request.headers.get("user-agent") ?? "",
    status: response.status,
    receivedBytes: lengthOf(request.headers),
    sentBytes: request.method === "HEAD" ? 0 : lengthOf(response.headers),
  });
  return response;
}

/** True for what is wrong with us, not with the request: the client is told less of it. Full disks and other registries are told of elsewhere. */
function isForOperator(error: unknown, status: number): boolean {
  if (error instanceof RegistryError) return false;
  return status === 500 || isGantryError(error, "permission-denied") || isDiskFailure(error);
}

function lengthOf(headers: Headers): number {
  return Number(headers.get("content-length")) || 0;
}

interface Asking {
  readonly request: Request;
  readonly peer: HttpPeer;
  readonly url: URL;
  readonly known: Known;
}

async function answer({ request, peer, url, known }: Asking, options: RegistryDoorOptions): Promise<Response> {
  const { access, settings, repositories: parts } = options;
  if (url.pathname === "/healthz" || url.pathname === "/readyz") {
    known.endpoint = "health";
    // Alive is who answers; ready is whose database and storage do.
    if (url.pathname === "/readyz") await parts.requireReady();
    return jsonResponse({ status: "ok" });
  }
  if (peer.mustWait === true) {
    throw new GantryError("unavailable", "the registry has no descriptors to spare for one more request", {
      hint: "try again in a moment",
    });
  }
  const page = answerPage(request.method, url.pathname);
  if (page !== undefined) {
    known.endpoint = "page";
    return page;
  }
  const authorization = request.headers.get("authorization");
  const asked = {
    address: peer.address,
    ...(authorization === null ? {} : { authorization }),
    ...(peer.certificate === undefined ? {} : { certificate: readPeerCertificate(peer.certificate) }),
  };
  if (url.pathname === TOKEN_PATH) {
    known.endpoint = "token";
    return await answerToken(request, asked, access);
  }
  const parsed = parseRegistryRoute(url.pathname);
  if (parsed === undefined) {
    throw new RegistryError("UNSUPPORTED", `there is nothing at ${url.pathname.slice(0, 200)}`, { status: 404 });
  }
  const { cache } = options;
  const namespace = url.searchParams.get("ns");
  const route = cache === undefined || namespace === null ? parsed : routeInNamespace(parsed, namespace, cache);
  known.endpoint = route.kind;
  if ("repository" in route) known.repository = route.repository;
  const externalUrl = settings.externalUrl ?? url.origin;
  const realm = `${externalUrl}${TOKEN_PATH}`;
  const identity = await admit(asked, requiredScope(route, request.method), { access, realm });
  if (identity.name !== undefined) known.user = identity.name;
  const { outbox } = options;
  const tell = outbox && eventTeller({ ...options, outbox, request, identity, externalUrl });
  const { warn } = options;
  const query = url.searchParams;
  return await dispatch({ request, query, parts, settings, access, identity, tell, cache, warn }, route);
}

/** What a client means that says from which registry it wants a repository (distribution-spec, "Registry Proxying"). */
function routeInNamespace(route: RegistryRoute, namespace: string, cache: UpstreamCache): RegistryRoute {
  return "repository" in route ? { ...route, repository: cache.localName(route.repository, namespace) } : route;
}
