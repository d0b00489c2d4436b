import { GantryError } from "../errors/gantry-error.ts";
import type { Endpoint, NetworkDescription } from "./endpoint.ts";
import { type HostNames, networkId } from "./names.ts";
import type { NetworkRecord } from "./network-records.ts";

/** Networks that are no bridges: the host's own, and none. */
const BUILT_IN = [
  { name: "host", driver: "host" },
  { name: "none", driver: "null" },
] as const;

/** Every network with its endpoints; first the bridges, then those that each host has. */
export function describeNetworks(
  names: HostNames,
  networks: readonly NetworkRecord[],
  endpoints: readonly Endpoint[],
): NetworkDescription[] {
  const bridges = networks.map(
    (network): NetworkDescription => ({
      id: network.id,
      name: network.name,
      driver: "bridge",
      scope: "local",
      subnet: network.subnet,
      gateway: network.gateway,
      bridge: network.bridge,
      createdAtMs: network.createdAtMs,
      endpoints: endpoints.filter((endpoint) => endpoint.network === network.name),
    }),
  );
  const createdAtMs = networks[0]?.createdAtMs ?? 0;
  const builtIn = BUILT_IN.map(
    ({ name, driver }): NetworkDescription => ({
      id: networkId(names, name, createdAtMs),
      name,
      driver,
      scope: "local",
      createdAtMs,
      endpoints: [],
    }),
  );
  return [...bridges, ...builtIn];
}

/**
 * One network by its name, its id, or the beginning of its id where no other's begins so.
 *
 * @throws `not-found`; `invalid-argument` for an ambiguous beginning.
 */
export function findNetwork(networks: readonly NetworkDescription[], name: string): NetworkDescription {
  const exact = networks.find((network) => network.name === name) ?? networks.find((network) => network.id === name);
  if (exact !== undefined) return exact;
  const matching = name === "" ? [] : networks.filter((network) => network.id.startsWith(name));
  if (matching.length > 1) {
    const matches = `${matching.length} matches found based on ID prefix`;
    throw new GantryError("invalid-argument", `network ${name} is ambiguous (${matches})`);
  }
  const found = matching[0];
  if (found === undefined) throw new GantryError("not-found", `network ${name} not found`);
  return found;
}
