import type { RegistryNotice } from "./registry.ts";

/** What the operator is told when a registry's door is open. */
export function describeDoor({
  address,
  metricsAddress,
}: Extract<RegistryNotice, { readonly kind: "listening" }>): string {
  const metrics = metricsAddress === undefined ? "" : `, metrics at ${metricsAddress}`;
  return `the registry serves at ${address}${metrics}`;
}
