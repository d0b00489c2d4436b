import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { Repositories } from "../../distribution/repositories/repositories.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import { deleteBlob, getBlob } from "./blob-routes.ts";
import { errorResponse } from "./error-response.ts";
import { listReferrers, listRepositories, listTags } from "./listing-routes.ts";
import { deleteManifest, getManifest, putManifest } from "./manifest-routes.ts";
import type { RegistryExchange, RegistrySettings } from "./registry-exchange.ts";
import { parseRegistryRoute, type RegistryRoute } from "./registry-route.ts";
import { beginUpload, deleteUpload, getUpload, patchUpload, putUpload } from "./upload-routes.ts";

export interface RegistryDoorOptions {
  readonly repositories: Repositories;
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
export async function answerRegistry(request: Request, options: RegistryDoorOptions): Promise<Response> {
  const url = new URL(request.url);
  let response: Response;
  try {
    const route = parseRegistryRoute(url.pathname);
    if (route === undefined) {
      throw new RegistryError("UNSUPPORTED", `there is nothing at ${url.pathname.slice(0, 200)}`, { status: 404 });
    }
    response = await dispatch(
      { request, query: url.searchParams, parts: options.repositories, settings: options.settings },
      route,
    );
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

async function dispatch<K extends RegistryRoute["kind"]>(
  exchange: RegistryExchange,
  route: Extract<RegistryRoute, { readonly kind: K }>,
): Promise<Response> {
  const methods: Readonly<Record<string, Handler<K>>> = ENDPOINTS[route.kind as K];
  const { method } = exchange.request;
  const handler = methods[method] ?? (method === "HEAD" ? methods.GET : undefined);
  if (handler !== undefined) return await handler(exchange, route);
  const allowed = Object.keys(methods).join(", ");
  const refused = errorResponse(new RegistryError("UNSUPPORTED", `this endpoint has no ${method}, only ${allowed}`));
  refused.headers.set("allow", allowed);
  return refused;
}
