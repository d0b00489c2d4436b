import { GantryError } from "../../errors/gantry-error.ts";
import type { Linux, NamespaceType, RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { PlanStep } from "./steps.ts";

/** Those of System V's and POSIX's messages and memory: ipc_namespaces(7). */
const IPC = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|fs\.mqueue\.)/;

/**
 * Plans the names of the host and the sysctls. What would change the host, because the container does not have a namespace
 * for it, is refused, as runc refuses it (libcontainer/configs/validate).
 *
 * @param own namespaces that a path leads to and that are the caller's own, so that they are nothing of the container's.
 */
export function planKernel(spec: RuntimeSpec, own: ReadonlySet<NamespaceType> = new Set()): PlanStep[] {
  const linux = spec.linux ?? {};
  const has = (type: NamespaceType): boolean =>
    !own.has(type) && (linux.namespaces ?? []).some((namespace) => namespace.type === type);
  for (const name of ["hostname", "domainname"] as const)
    if (spec[name] && !(linux.namespaces ?? []).some(({ type }) => type === "uts"))
      throw new GantryError("invalid-argument", `${name}: it needs a uts namespace in linux.namespaces`);
  const steps = planSysctls(linux, has);
  if (spec.hostname)
    steps.push({
      op: "set-hostname",
      name: spec.hostname,
      cause: "hostname",
      task: `set the host name "${spec.hostname}"`,
    });
  if (spec.domainname)
    steps.push({
      op: "set-domainname",
      name: spec.domainname,
      cause: "domainname",
      task: `set the domain name "${spec.domainname}"`,
    });
  return steps;
}

function planSysctls(linux: Linux, has: (type: NamespaceType) => boolean): PlanStep[] {
  return Object.entries(linux.sysctl ?? {}).map(([name, value]) => {
    const cause = `linux.sysctl["${name}"]`;
    const reason = sysctlProblem(name, has);
    if (reason !== undefined) throw new GantryError("invalid-argument", `${cause}: ${reason}`);
    return { op: "sysctl", path: `sys/${sysctlPath(name)}`, value, cause, task: `set the sysctl ${name}` };
  });
}

/** Why a sysctl, by either of its names, cannot be set in a container; undefined where it can be. */
export function sysctlProblem(name: string, has: (type: NamespaceType) => boolean): string | undefined {
  const path = sysctlPath(name);
  if (!/^[a-zA-Z0-9_.:/-]+$/.test(path) || path.split("/").some((part) => part === "" || part === ".." || part === "."))
    return "not a name of a sysctl";
  return refusal(
    path.replace(/[./]/g, (letter) => (letter === "." ? "/" : ".")),
    has,
  );
}

/** Slashes are as good as dots, and the first of either decides what the other means: sysctl.d(5). */
function sysctlPath(name: string): string {
  const isDotted = name.indexOf(".") >= 0 && (name.indexOf("/") < 0 || name.indexOf(".") < name.indexOf("/"));
  return isDotted ? name.replace(/[./]/g, (letter) => (letter === "." ? "/" : ".")) : name;
}

/** Why a sysctl (with dots) is not the container's to set. */
function refusal(name: string, has: (type: NamespaceType) => boolean): string | undefined {
  const needs = (type: NamespaceType): string | undefined =>
    has(type) ? undefined : `it would change the host: the container has no ${type} namespace of its own`;
  if (IPC.test(name)) return needs("ipc");
  if (name.startsWith("net.")) return needs("network");
  if (name.startsWith("user.")) return needs("user");
  if (name === "kernel.domainname") return needs("uts");
  if (name === "kernel.hostname") return "the host name is said in `hostname`";
  return "it is the whole host's: no namespace has it";
}
