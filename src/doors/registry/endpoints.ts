import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import { jsonResponse } from "./json-response.ts";
import type { RegistryExchange } from "./registry-exchange.ts";
import type { RegistryRoute } from "./registry-route.ts";
import { deleteBlob, getBlob } from "./routes/blob-routes.ts";
import { listReferrers, listRepositories, listTags } from "./routes/listing-routes.ts";
import { deleteManifest, getManifest, putManifest } from "./routes/manifest-routes.ts";
import { beginUpload, deleteUpload, getUpload, patchUpload, putUpload } from "./routes/upload-routes.ts";

type Handler<K extends RegistryRoute["kind"]> = (
  exchange: RegistryExchange,
  route: Extract<RegistryRoute, { readonly kind: K }>,
) => Promise<Response>;

/** Every endpoint: which methods it has, and what they do. */
const ENDPOINTS: { readonly [K in RegistryRoute["kind"]]: Readonly<Record<string, Handler<K>>> } = {
  base: { GET: async () => jsonResponse({}) },
  catalog: { GET: listRepositories },
  tags: { GET: (exchange, { repository }) => listTags(exchange, repository) },
  referrers: { GET: listReferrers },
  manifest: { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest },
  blob: { GET: getBlob, HEAD: getBlob, DELETE: deleteBlob },
  uploads: { POST: (exchange, { repository }) => beginUpload(exchange, repository) },
  upload: { GET: getUpload, PATCH: patchUpload, PUT: putUpload, DELETE: deleteUpload },
};

/** What a copy of another registry's repository refuses; deletions only make it be copied again. */
const CHANGING: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** Does what a request asks for. @throws RegistryError 405 for a method that its endpoint does not have */
export async function dispatch<K extends RegistryRoute["kind"]>(
  exchange: RegistryExchange,
  route: Extract<RegistryRoute, { readonly kind: K }>,
): Promise<Response> {
  const methods: Readonly<Record<string, Handler<K>>> = ENDPOINTS[route.kind as K];
  const { method } = exchange.request;
  if ("repository" in route && CHANGING.has(method) && exchange.cache?.isCopy(route.repository) === true) {
    throw new RegistryError("UNSUPPORTED", `${route.repository} is a copy of another registry's: push it there`, {
      headers: { allow: "GET, HEAD, DELETE" },
    });
  }
  const handler = methods[method] ?? (method === "HEAD" ? methods.GET : undefined);
  if (handler !== undefined) return await handler(exchange, route);
  const names = Object.keys(methods).flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : name));
  const allow = [...new Set(names)].join(", ");
  throw new RegistryError("UNSUPPORTED", `this endpoint has no ${method}, only ${allow}`, { headers: { allow } });
}
