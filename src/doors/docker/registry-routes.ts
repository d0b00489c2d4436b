import { isAbsolute } from "node:path";
import type {
  RegistryNotice,
  RegistryUpkeepNotice,
  RegistryUpkeepRequest,
  ServeRegistryRequest,
} from "../../api/registry.ts";
import type { DoorParts, DoorRegistry } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import type { Route } from "./router.ts";

/** Our own calls: what makes the daemon's store a registry. */
export function registryRoutes(parts: DoorParts): readonly Route[] {
  return [
    { method: "POST", path: "/gantry/registry/serve", handle: (exchange) => serve(exchange, parts) },
    upkeepRoute(parts.registry),
  ];
}

/** What a registry without a daemon is asked, too. */
export function upkeepRoute(registry: Pick<DoorRegistry, "upkeep">): Route {
  return { method: "POST", path: "/gantry/registry/upkeep", handle: (exchange) => upkeep(exchange, registry) };
}

const NOTICES_MAX = 10_000;
const NAME_LENGTH_SHOWN = 64;

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

/** A task of upkeep, with a line for each thing that it did. */
async function upkeep(exchange: Exchange, registry: Pick<DoorRegistry, "upkeep">): Promise<void> {
  const request = parseUpkeepRequest(await exchange.readJson());
  const stream = exchange.openStream("application/x-ndjson");
  let written: Promise<unknown> = Promise.resolve();
  const tell = (notice: RegistryUpkeepNotice): void => {
    written = written.then(() => stream.write(`${JSON.stringify(notice)}\n`));
    written.catch(() => undefined);
  };
  await registry.upkeep(request, { tell, signal: exchange.signal });
  await written;
  stream.end();
}

function parseUpkeepRequest(body: unknown): RegistryUpkeepRequest {
  const fields = parseFields(body, UPKEEP_FIELDS);
  const { Task, BytesPerSecond = 0 } = fields;
  if (Task !== "collect" && Task !== "retention" && Task !== "scrub") {
    throw new RequestError(400, "Task is none of collect, retention, scrub");
  }
  if (!Number.isSafeInteger(BytesPerSecond) || Number(BytesPerSecond) < 0) {
    throw new RequestError(400, "BytesPerSecond is no number of bytes");
  }
  if (Task === "scrub" && fields.DryRun === true) {
    throw new RequestError(400, "DryRun is not for scrub, which puts damaged blobs aside");
  }
  return fields as unknown as RegistryUpkeepRequest;
}

const SERVE_FIELDS = {
  AllowSparse: "boolean",
  Config: "string",
  Listen: "string",
  Access: "string",
  ExternalUrl: "string",
} as const;

const UPKEEP_FIELDS = { Task: "string", DryRun: "boolean", Config: "string", BytesPerSecond: "number" } as const;

function parseRequest(body: unknown): ServeRegistryRequest {
  return parseFields(body, SERVE_FIELDS) as ServeRegistryRequest;
}

function parseFields(body: unknown, types: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new RequestError(400, `the body is no JSON object of ${Object.keys(types).join(", ")}`);
  }
  const fields = body as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(fields)) {
    const expected = Object.hasOwn(types, name) ? types[name] : undefined;
    if (expected === undefined) {
      const known = Object.keys(types).join(", ");
      throw new RequestError(
        400,
        `${JSON.stringify(name.slice(0, NAME_LENGTH_SHOWN))} is not known here (${known} are)`,
      );
    }
    if (typeof value !== expected) throw new RequestError(400, `${name} is no ${expected}`);
  }
  for (const name of ["Config", "Access"] as const) {
    const path = fields[name];
    if (typeof path !== "string" || (isAbsolute(path) && !path.includes("\0"))) continue;
    throw new RequestError(400, `${name} is no absolute path`);
  }
  return fields;
}
