import type { NamespaceType } from "../../oci/runtime-spec.ts";
import { sysctlProblem } from "../../runtime/plan/index.ts";
import type { ContainerConfig } from "./container-config.ts";

/** What of the sysctls that were asked for would change the host, or is none. */
export function* sysctlProblems(config: ContainerConfig): Generator<string> {
  const { namespaces = {}, network = {} } = config;
  const modes: Partial<Record<NamespaceType, string | undefined>> = {
    network: network.mode,
    ipc: namespaces.ipc,
    uts: namespaces.uts,
    user: "host",
  };
  for (const name of Object.keys(config.sysctls ?? {})) {
    const problem = sysctlProblem(name, (type) => modes[type] !== "host");
    if (problem !== undefined) yield `sysctl '${name}' is not allowed: ${problem}`;
  }
}
