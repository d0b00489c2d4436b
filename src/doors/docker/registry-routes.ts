import { isAbsolute } from "node:path";
import type { RegistryNotice, ServeRegistryRequest } from "../../api/registry.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import type { Route } from "./router.ts";

/** Our own calls: what makes the daemon's store a registry. */
export function registryRoutes(parts: DoorParts): readonly Route[] {
  return [{ method: "POST", path: "/gantry/registry/serve", handle: (exchange) => serve(exchange, parts) }];
}

/** The registry's door is open for as long as this call is. */
async function serve(exchange: Exchange, { registry }: DoorParts): Promise<void> {
  const request = parseRequest(await exchange.readJson());
  const waiting: RegistryNotice[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (notice: RegistryNotice): void => {
    waiting.push(notice);
    wake.resolve();
  };
  await using door = await registry.serve(request, tell);
  tell({ kind: "listening", address: door.address });
  exchange.signal.addEventListener("abort", () => wake.resolve(), { once: true });
  const stream = exchange.openStream("application/x-ndjson");
  while (!exchange.signal.aborted) {
    await wake.promise;
    wake = Promise.withResolvers<void>();
    for (const notice of waiting.splice(0)) await stream.write(`${JSON.stringify(notice)}\n`);
  }
}

function parseRequest(body: unknown): ServeRegistryRequest {
  const fields = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  const { Listen, AllowSparse = false, Access, ExternalUrl } = fields;
  if (typeof Listen !== "string") throw new RequestError(400, "Listen is needed: HOST:PORT");
  if (typeof AllowSparse !== "boolean") throw new RequestError(400, "AllowSparse is no boolean");
  if (Access !== undefined && (typeof Access !== "string" || !isAbsolute(Access))) {
    throw new RequestError(400, "Access is no absolute path");
  }
  if (ExternalUrl !== undefined && typeof ExternalUrl !== "string") {
    throw new RequestError(400, "ExternalUrl is no string");
  }
  return {
    Listen,
    AllowSparse,
    ...(Access === undefined ? {} : { Access }),
    ...(ExternalUrl === undefined ? {} : { ExternalUrl }),
  };
}
