import type { RegistryApi } from "../api/engine-api.ts";
import type { RegistryNotice, RegistryUpkeepNotice } from "../api/registry.ts";
import type { Caller } from "./caller.ts";
import { readJsonLines } from "./json-lines.ts";

export function registryCalls(caller: Caller): RegistryApi {
  return {
    async serveRegistry(request, { signal } = {}) {
      const { body } = await caller.send("POST", "/gantry/registry/serve", { json: request, signal });
      return readJsonLines(body) as AsyncIterable<RegistryNotice>;
    },
    async upkeepRegistry(request, { signal } = {}) {
      const { body } = await caller.send("POST", "/gantry/registry/upkeep", { json: request, signal });
      return readJsonLines(body) as AsyncIterable<RegistryUpkeepNotice>;
    },
  };
}
