import type { RuntimeSpec, User } from "../../oci/runtime-spec.ts";
import { type NamespaceChoice, planSpec, type SpecInput, type SpecMount } from "../../runtime/spec/plan-spec.ts";
import type { Confinement } from "./container-confinement.ts";
import type { ContainerRecord } from "./container-record.ts";
import { planDeviceRules, planResources, planRlimits } from "./container-resources.ts";
import type { CompiledSeccomp } from "./container-security.ts";
import { blockDeviceNumbers, hostDevices, requestedDevices } from "./host-devices.ts";
import type { HostFacts } from "./host-facts.ts";
import { processEnv } from "./merge-image-config.ts";

/** What is found out at the start of a container, before its specification can be written. */
export interface StartFacts {
  readonly host: HostFacts;
  readonly user: User;
  readonly home: string;
  readonly hostname: string;
  readonly capabilities: readonly string[];
  readonly seccomp?: CompiledSeccomp;
  readonly mounts: readonly SpecMount[];
  readonly shm: SpecInput["shm"];
  readonly namespaces: Readonly<Record<"pid" | "network" | "ipc" | "uts" | "cgroup", NamespaceChoice>>;
  readonly cgroupsPath: string;
  /** As it is at this start: a profile may not have been loadable. */
  readonly confinement?: Confinement;
}

/** The OCI specification of one container's run. */
export function planContainerSpec(record: ContainerRecord, facts: StartFacts): RuntimeSpec {
  const { config, effective } = record;
  const { security = {}, tty = false } = config;
  const isPrivileged = security.privileged === true;
  const requested = (security.devices ?? [])
    .filter((device) => !isPrivileged || device.pathOnHost !== device.pathInContainer)
    .map(requestedDevices);
  return planSpec({
    rootPath: "/",
    args: record.args,
    env: processEnv(effective.env, { hostname: facts.hostname, tty, home: facts.home }),
    workingDirectory: effective.workingDirectory,
    user: facts.user,
    isTerminal: tty,
    capabilities: facts.capabilities,
    isPrivileged,
    hasNoNewPrivileges: security.noNewPrivileges === true,
    ...(facts.seccomp === undefined ? {} : { seccomp: facts.seccomp.profile }),
    isRootReadOnly: security.readOnlyRootfs === true,
    hostname: facts.hostname,
    domainname: config.domainname ?? "",
    mounts: facts.mounts,
    shm: facts.shm,
    devices: [...(isPrivileged ? hostDevices() : []), ...requested.flatMap((one) => one.devices)],
    deviceRules: [...requested.flatMap((one) => one.rules), ...planDeviceRules(config.resources?.deviceRules ?? [])],
    resources: planResources(config.resources ?? {}, blockDeviceNumbers),
    rlimits: planRlimits(config.resources?.ulimits ?? []),
    oomScoreAdj: config.oomScoreAdj ?? 0,
    namespaces: facts.namespaces,
    cgroupsPath: facts.cgroupsPath,
    furtherMaskedPaths: facts.host.thermalPaths,
    knownSysctls: facts.host.sysctls,
    ...(config.sysctls === undefined ? {} : { sysctls: config.sysctls }),
    ...facts.confinement,
    ...(config.annotations === undefined ? {} : { annotations: config.annotations }),
  });
}
