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

const NOTICES_MAX = 10_000;

/** The registry's door is open for as long as this call is. */
async function serve(exchange: Exchange, { registry }: DoorParts): Promise<void> {
  const request = parseRequest(await exchange.readJson());
  const waiting: RegistryNotice[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (notice: RegistryNotice): void => {
    // A client that does not read loses lines of logs, and holds nothing up.
    if (waiting.length >= NOTICES_MAX && notice.kind === "log") return;
    waiting.push(notice);
    wake.resolve();
  };
  await using door = await registry.serve(request, tell);
  const { address, metricsAddress } = door;
  tell({ kind: "listening", address, ...(metricsAddress === undefined ? {} : { metricsAddress }) });
  exchange.signal.addEventListener("abort", () => wake.resolve(), { once: true });
  const stream = exchange.openStream("application/x-ndjson");
  while (!exchange.signal.aborted) {
    await wake.promise;
    wake = Promise.withResolvers<void>();
    for (const notice of waiting.splice(0)) await stream.write(`${JSON.stringify(notice)}\n`);
  }
}

const TEXTS = ["Config", "Listen", "Access", "ExternalUrl"] as const;

function parseRequest(body: unknown): ServeRegistryRequest {
  const fields = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
  for (const name of Object.keys(fields)) {
    const expected = name === "AllowSparse" ? "boolean" : (TEXTS as readonly string[]).includes(name) ? "string" : "";
    if (expected === "") throw new RequestError(400, `${name} is not known here`);
    if (typeof fields[name] !== expected) throw new RequestError(400, `${name} is no ${expected}`);
  }
  for (const name of ["Config", "Access"] as const) {
    const path = fields[name];
    if (typeof path === "string" && !isAbsolute(path)) throw new RequestError(400, `${name} is no absolute path`);
  }
  return fields as ServeRegistryRequest;
}
