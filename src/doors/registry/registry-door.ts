import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { Repositories } from "../../distribution/repositories/repositories.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import type { Access } from "../../identity/index.ts";
import type { HttpPeer } from "../../platform/http-server.ts";
import { admit } from "./admission.ts";
import { deleteBlob, getBlob } from "./blob-routes.ts";
import { errorResponse } from "./error-response.ts";
import { listReferrers, listRepositories, listTags } from "./listing-routes.ts";
import { deleteManifest, getManifest, putManifest } from "./manifest-routes.ts";
import type { RegistryExchange, RegistrySettings } from "./registry-exchange.ts";
import { parseRegistryRoute, type RegistryRoute } from "./registry-route.ts";
import { requiredScope } from "./required-scope.ts";
import { answerToken, TOKEN_PATH } from "./token-routes.ts";
import { beginUpload, deleteUpload, getUpload, patchUpload, putUpload } from "./upload-routes.ts";

export interface RegistryDoorOptions {
  readonly repositories: Repositories;
  readonly access: Access;
  readonly settings: RegistrySettings;
  /** Tells the operator one sentence. */
  readonly warn: (sentence: string) => void;
}

type Handler<K extends RegistryRoute["kind"]> = (
  exchange: RegistryExchange,
  route: Extract<RegistryRoute, { readonly kind: K }>,
) => Promise<Response>;

/** Every endpoint: which methods it has, and what they do. */
const ENDPOINTS: { readonly [K in RegistryRoute["kind"]]: Readonly<Record<string, Handler<K>>> } = {
  base: { GET: async () => Response.json({}) },
  catalog: { GET: listRepositories },
  tags: { GET: (exchange, { repository }) => listTags(exchange, repository) },
  referrers: { GET: listReferrers },
  manifest: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
  blob: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
  uploads: { POST: (exchange, { repository }) => beginUpload(exchange, repository) },
  upload: { GET: getUpload, PATCH: patchUpload, PUT: putUpload, DELETE: deleteUpload },
};

/** Of every response. Artifacts have whatever type their pusher chose: no browser is to run them. */
const COMMON_HEADERS = {
  "docker-distribution-api-version": "registry/2.0",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
} as const;

/** Answers one request to the registry's API. Never throws. */
export async function answerRegistry(
  request: Request,
  peer: HttpPeer,
  options: RegistryDoorOptions,
): Promise<Response> {
  const url = new URL(request.url);
  let response: Response;
  try {
    response = await answer(request, peer, { url, ...options });
  } catch (error) {
    if (!isGantryError(error) && !request.signal.aborted) {
      options.warn(
        `${request.method} ${url.pathname.slice(0, 200)} failed: ${error instanceof Error ? error.stack : error}`,
      );
    }
    response = errorResponse(error);
  }
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.headers.set(name, value);
  return response;
}

async function answer(
  request: Request,
  peer: HttpPeer,
  { url, access, settings, repositories }: RegistryDoorOptions & { readonly url: URL },
): Promise<Response> {
  const authorization = request.headers.get("authorization");
  const asked = { address: peer.address, ...(authorization === null ? {} : { authorization }) };
  if (url.pathname === TOKEN_PATH) return await answerToken(request, asked, access);
  const route = parseRegistryRoute(url.pathname);
  if (route === undefined) {
    throw new RegistryError("UNSUPPORTED", `there is nothing at ${url.pathname.slice(0, 200)}`, { status: 404 });
  }
  const realm = `${settings.externalUrl ?? url.origin}${TOKEN_PATH}`;
  const identity = await admit(asked, requiredScope(route, request.method), { access, realm });
  return await dispatch({ request, query: url.searchParams, parts: repositories, settings, access, identity }, route);
}

async function dispatch<K extends RegistryRoute["kind"]>(
  exchange: RegistryExchange,
  route: Extract<RegistryRoute, { readonly kind: K }>,
): Promise<Response> {
  const methods: Readonly<Record<string, Handler<K>>> = ENDPOINTS[route.kind as K];
  const { method } = exchange.request;
  const handler = methods[method] ?? (method === "HEAD" ? methods.GET : undefined);
  if (handler !== undefined) return await handler(exchange, route);
  const allow = Object.keys(methods).join(", ");
  throw new RegistryError("UNSUPPORTED", `this endpoint has no ${method}, only ${allow}`, { headers: { allow } });
}
