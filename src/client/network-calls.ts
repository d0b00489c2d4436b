import type { NetworkApi } from "../api/engine-api.ts";
import { encodeFilters } from "../api/filters.ts";
import type { NetworkResource } from "../api/network.ts";
import { type Caller, segment } from "./caller.ts";

export function networkCalls(caller: Caller): NetworkApi {
  return {
    listNetworks({ signal, filters } = {}) {
      const query = { filters: encodeFilters(filters) };
      return caller.json<readonly NetworkResource[]>("GET", "/networks", { query, signal });
    },
    inspectNetwork: (name, options = {}) => caller.json<NetworkResource>("GET", `/networks/${segment(name)}`, options),
  };
}
