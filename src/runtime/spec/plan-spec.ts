import type {
  Device,
  DeviceCgroupRule,
  Mount,
  Namespace,
  Resources,
  Rlimit,
  RuntimeSpec,
  Seccomp,
  User,
} from "../../oci/runtime-spec.ts";
import { DEFAULT_DEVICE_RULES, PRIVILEGED_DEVICE_RULES } from "./default-devices.ts";
import { DEFAULT_MOUNTS, DEFAULT_SHM_SIZE_BYTES } from "./default-mounts.ts";
import { DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS } from "./default-paths.ts";
import { DEFAULT_SYSCTLS } from "./default-sysctls.ts";

/** A namespace of the container's own, the host's, or the one behind a path; `isFresh`: nobody else is in it, nor will be. */
export type NamespaceChoice = "new" | "host" | { readonly path: string; readonly isFresh?: boolean };

/** A mount that the container's creator asked for, or a file that the engine binds over the image's. */
export type SpecMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly isReadOnly: boolean;
      readonly propagation: string;
      readonly isRecursive: boolean;
    }
  | { readonly type: "tmpfs"; readonly target: string; readonly options: readonly string[] };

/** A container as it will be run: everything is decided, names are numbers, and paths are of this host. */
export interface SpecInput {
  readonly rootPath: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workingDirectory: string;
  readonly user: User;
  readonly isTerminal: boolean;
  readonly consoleSize?: { readonly width: number; readonly height: number };
  /** `CAP_…` */
  readonly capabilities: readonly string[];
  readonly isPrivileged: boolean;
  readonly hasNoNewPrivileges: boolean;
  readonly seccomp?: Seccomp;
  readonly isRootReadOnly: boolean;
  readonly hostname: string;
  readonly domainname: string;
  readonly mounts: readonly SpecMount[];
  /** `none`: no /dev/shm; a path: that folder of the host; else a fresh one of this size. */
  readonly shm: "none" | { readonly path: string } | { readonly sizeBytes: number };
  readonly devices: readonly Device[];
  readonly deviceRules: readonly DeviceCgroupRule[];
  readonly resources: Omit<Resources, "devices">;
  readonly namespaces: {
    readonly pid: NamespaceChoice;
    readonly network: NamespaceChoice;
    readonly ipc: NamespaceChoice;
    readonly uts: NamespaceChoice;
    readonly cgroup: NamespaceChoice;
  };
  readonly cgroupsPath: string;
  /** `/sys/devices/system/cpu/cpu<n>/thermal_throttle`, where the host has them. */
  readonly furtherMaskedPaths?: readonly string[];
  /** The default sysctls that this kernel has. */
  readonly knownSysctls: readonly string[];
  /** Those that were asked for; they win over the default ones. */
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly oomScoreAdj?: number;
  /** `""` or left out: none. */
  readonly appArmorProfile?: string;
  readonly processLabel?: string;
  readonly mountLabel?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** @default none */
  readonly rlimits?: readonly Rlimit[];
}

/** The version of the specification that is written here. */
export const OCI_VERSION = "1.2.0";

/** The OCI specification that Docker would make of a container (moby: daemon/oci_linux.go). Pure. */
export function planSpec(input: SpecInput): RuntimeSpec {
  const { capabilities, isPrivileged } = input;
  const rootfsPropagation = planRootfsPropagation(input.mounts);
  return {
    ociVersion: OCI_VERSION,
    root: { path: input.rootPath, ...(input.isRootReadOnly ? { readonly: true } : {}) },
    process: {
      ...(input.isTerminal ? { terminal: true } : {}),
      ...(input.consoleSize === undefined ? {} : { consoleSize: input.consoleSize }),
      cwd: input.workingDirectory === "" ? "/" : input.workingDirectory,
      env: input.env,
      args: input.args,
      user: input.user,
      // Like Docker since 20.10.14 none are inheritable (CVE-2022-24769).
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      ...(input.appArmorProfile ? { apparmorProfile: input.appArmorProfile } : {}),
      ...(input.processLabel ? { selinuxLabel: input.processLabel } : {}),
      ...(input.hasNoNewPrivileges ? { noNewPrivileges: true } : {}),
      ...(input.rlimits?.length ? { rlimits: input.rlimits } : {}),
      oomScoreAdj: input.oomScoreAdj ?? 0,
    },
    ...(input.namespaces.uts === "new" && input.hostname !== "" ? { hostname: input.hostname } : {}),
    ...(input.namespaces.uts === "new" && input.domainname !== "" ? { domainname: input.domainname } : {}),
    mounts: planMounts(input),
    ...(Object.keys(input.annotations ?? {}).length === 0 ? {} : { annotations: input.annotations }),
    linux: {
      ...(input.mountLabel ? { mountLabel: input.mountLabel } : {}),
      namespaces: planNamespaces(input.namespaces),
      devices: input.devices,
      cgroupsPath: input.cgroupsPath,
      resources: {
        ...input.resources,
        devices: isPrivileged ? PRIVILEGED_DEVICE_RULES : [...DEFAULT_DEVICE_RULES, ...input.deviceRules],
      },
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
      ...(input.seccomp === undefined ? {} : { seccomp: input.seccomp }),
      ...sysctlsOf(input),
      maskedPaths: isPrivileged ? [] : [...DEFAULT_MASKED_PATHS, ...(input.furtherMaskedPaths ?? [])],
      readonlyPaths: isPrivileged ? [] : DEFAULT_READONLY_PATHS,
    },
  };
}

function isOwn(choice: NamespaceChoice): boolean {
  return choice === "new" || (typeof choice === "object" && choice.isFresh === true);
}

function sysctlsOf(input: SpecInput): { readonly sysctl?: Readonly<Record<string, string>> } {
  const defaults = isOwn(input.namespaces.network) ? knownOf(input.knownSysctls) : undefined;
  return defaults === undefined && input.sysctls === undefined ? {} : { sysctl: { ...defaults, ...input.sysctls } };
}

function knownOf(known: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(DEFAULT_SYSCTLS).filter(([name]) => known.includes(name)));
}

function planNamespaces(choices: SpecInput["namespaces"]): Namespace[] {
  const namespaces: Namespace[] = [{ type: "mount" }];
  for (const type of ["network", "uts", "pid", "ipc", "cgroup"] as const) {
    const choice = choices[type];
    if (choice === "new") namespaces.push({ type });
    else if (choice !== "host") namespaces.push({ type, path: choice.path });
  }
  return namespaces;
}

/** The root has to pass on what the binds below it pass on. */
function planRootfsPropagation(mounts: readonly SpecMount[]): "shared" | "slave" | undefined {
  const wanted = mounts.map((mount) => (mount.type === "bind" ? mount.propagation : ""));
  if (wanted.some((one) => one.endsWith("shared"))) return "shared";
  return wanted.some((one) => one.endsWith("slave")) ? "slave" : undefined;
}

function planMounts(input: SpecInput): Mount[] {
  const targets = new Set(input.mounts.map((mount) => mount.target));
  const mounts: Mount[] = [];
  for (const mount of DEFAULT_MOUNTS) {
    const isHidden = targets.has(mount.destination) || (targets.has("/dev") && mount.destination.startsWith("/dev/"));
    if (isHidden) continue;
    const planned = mount.destination === "/dev/shm" ? planShm(mount, input.shm) : mount;
    if (planned !== undefined) mounts.push(forAccess(planned, input));
  }
  // Outer before inner, whatever order they were asked for in; equal depth keeps the caller's order.
  const own = [...input.mounts].sort((a, b) => depth(a.target) - depth(b.target));
  return [...mounts, ...own.map(planMount)];
}

function depth(path: string): number {
  return path.split("/").filter((part) => part !== "").length;
}

function planShm(mount: Mount, shm: SpecInput["shm"]): Mount | undefined {
  if (shm === "none") return undefined;
  if ("path" in shm) {
    return { destination: mount.destination, type: "bind", source: shm.path, options: ["rbind", "rprivate"] };
  }
  return { ...mount, options: [...(mount.options ?? []), `size=${shm.sizeBytes || DEFAULT_SHM_SIZE_BYTES}`] };
}

function forAccess(mount: Mount, input: SpecInput): Mount {
  const options = mount.options ?? [];
  if (input.isPrivileged && (mount.destination === "/sys" || mount.type === "cgroup")) {
    return { ...mount, options: options.filter((option) => option !== "ro") };
  }
  return mount;
}

function planMount(mount: SpecMount): Mount {
  if (mount.type === "tmpfs") {
    return { destination: mount.target, type: "tmpfs", source: "tmpfs", options: mount.options };
  }
  return {
    destination: mount.target,
    type: "bind",
    source: mount.source,
    options: [
      mount.isRecursive ? "rbind" : "bind",
      ...(mount.isReadOnly ? ["ro"] : []),
      ...(mount.propagation === "" ? [] : [mount.propagation]),
    ],
  };
}
