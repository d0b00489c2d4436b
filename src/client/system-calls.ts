import type { SystemApi } from "../api/engine-api.ts";
import { encodeFilters } from "../api/filters.ts";
import type { EventMessage, InfoResponse, VersionResponse } from "../api/system.ts";
import type { Span } from "../trace/trace.ts";
import type { Caller } from "./caller.ts";
import { readBufferedBody } from "./http-request.ts";
import { readJsonLines } from "./json-lines.ts";

export function systemCalls(caller: Caller): SystemApi {
  return {
    async ping(options = {}) {
      const response = await caller.send("GET", "/_ping", options);
      await readBufferedBody(response);
      return {
        apiVersion: response.headers.get("api-version") ?? "",
        osType: response.headers.get("ostype") ?? "",
        experimental: response.headers.get("docker-experimental") === "true",
        server: response.headers.get("server") ?? "",
      };
    },
    version: (options = {}) => caller.json<VersionResponse>("GET", "/version", options),
    info: (options = {}) => caller.json<InfoResponse>("GET", "/info", options),
    async events({ signal, since, until, filters } = {}) {
      const query = { since, until, filters: encodeFilters(filters) };
      const response = await caller.send("GET", "/events", { query, signal });
      return readJsonLines(response.body) as AsyncIterable<EventMessage>;
    },
    takeTrace: (name, options = {}) =>
      caller.json<readonly Span[]>("GET", `/gantry/traces/${encodeURIComponent(name)}`, options),
  };
}
