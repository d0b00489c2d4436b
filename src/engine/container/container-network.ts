import type { EngineEndpoint } from "../dependencies.ts";
import type { EngineContext } from "../engine-context.ts";
import type { ContainerNetwork } from "./container.ts";
import type { ContainerRecord } from "./container-record.ts";

/** What is recorded of a running container's network. */
export function networkOf(
  context: EngineContext,
  record: ContainerRecord,
  endpoint: EngineEndpoint | undefined,
): ContainerNetwork {
  const mode = record.network?.mode ?? "bridge";
  if (endpoint === undefined) return { mode };
  const networkId = context.parts.network.inspect(endpoint.network).id;
  return {
    mode,
    endpoint: {
      network: endpoint.network,
      networkId,
      endpointId: Buffer.from(context.parts.randomBytes(32)).toString("hex"),
      address: endpoint.address,
      prefixLength: endpoint.prefixLength,
      gateway: endpoint.gateway,
      mac: endpoint.mac,
      ports: endpoint.ports,
    },
  };
}
