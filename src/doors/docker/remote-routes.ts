import type { Filters } from "../../api/filters.ts";
import type { DistributionInspect, SearchResult } from "../../api/image.ts";
import { formatError, isGantryError } from "../../errors/gantry-error.ts";
import { DEFAULT_REGISTRY_SERVER, registryOfServer } from "../../oci/registry-server.ts";
import type { DoorParts } from "./door-parts.ts";
import { RequestError } from "./error-status.ts";
import type { Exchange } from "./exchange.ts";
import { checkAuth, credentialsOf, parseRegistryAuth } from "./parse-registry-auth.ts";
import type { Route } from "./router.ts";

/** What is asked of the registries of others. */
export function remoteRoutes(parts: DoorParts): readonly Route[] {
  return [
    { method: "POST", path: "/auth", handle: (exchange) => logIn(exchange, parts) },
    { method: "GET", path: "/images/search", handle: (exchange) => search(exchange, parts) },
    { method: "GET", path: "/distribution/{name*}/json", handle: (exchange) => describe(exchange, parts) },
  ];
}

async function logIn(exchange: Exchange, { registries }: DoorParts): Promise<void> {
  const auth = checkAuth(
    await exchange.readJson(),
    () => new RequestError(400, "the body is not an object of strings"),
  );
  const host = registryOfServer(auth?.serveraddress || DEFAULT_REGISTRY_SERVER);
  const credentials = auth === undefined ? undefined : credentialsOf(auth);
  if (credentials === undefined) throw new RequestError(400, "username is needed, or identitytoken");
  try {
    const { identityToken = "" } = await registries.logIn({ host, credentials }, { signal: exchange.signal });
    exchange.sendJson(200, { Status: "Login Succeeded", IdentityToken: identityToken });
  } catch (error) {
    // Clients ask for a password again at 401, and at nothing else.
    if (isGantryError(error, "permission-denied")) throw new RequestError(401, formatError(error));
    throw error;
  }
}

const SEARCH_LIMIT_DEFAULT = 25;
const SEARCH_LIMIT_MAX = 100;
const SEARCH_FILTERS = ["is-automated", "is-official", "stars"];

async function search(exchange: Exchange, { registries }: DoorParts): Promise<void> {
  const { query, signal } = exchange;
  const term = query.text("term");
  if (term === undefined) throw new RequestError(400, "term is needed: what to search for");
  const limit = query.integer("limit") || SEARCH_LIMIT_DEFAULT;
  if (limit > SEARCH_LIMIT_MAX) {
    throw new RequestError(400, `Limit ${limit} is outside the range of [1, ${SEARCH_LIMIT_MAX}]`);
  }
  const filters = query.filters(SEARCH_FILTERS);
  const [isAutomated, isOfficial] = [booleanFilter(filters, "is-automated"), booleanFilter(filters, "is-official")];
  const stars = Math.max(0, ...(filters.stars ?? []).map(starsFilter));
  const auth = parseRegistryAuth(exchange.header("x-registry-auth"));
  const found = await registries.search(term, { limit, signal, ...(auth === undefined ? {} : { auth }) });
  const results: SearchResult[] = found
    .filter((item) => isAutomated === undefined || item.isAutomated === isAutomated)
    .filter((item) => isOfficial === undefined || item.isOfficial === isOfficial)
    .filter((item) => item.stars >= stars)
    .map((item) => ({
      name: item.name,
      description: item.description,
      star_count: item.stars,
      is_official: item.isOfficial,
      is_automated: item.isAutomated,
    }));
  exchange.sendJson(200, results);
}

function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const [value] = filters[name] ?? [];
  if (value === undefined) return undefined;
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new RequestError(400, `invalid filter '${name}=${value}'`);
}

function starsFilter(value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new RequestError(400, `invalid filter 'stars=${value}'`);
}

async function describe(exchange: Exchange, { registries }: DoorParts): Promise<void> {
  const auth = parseRegistryAuth(exchange.header("x-registry-auth"));
  const { descriptor, platforms } = await registries.describe(exchange.parameter("name"), {
    signal: exchange.signal,
    ...(auth === undefined ? {} : { auth }),
  });
  const answer: DistributionInspect = { Descriptor: descriptor, Platforms: platforms };
  exchange.sendJson(200, answer);
}
