import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { readSecurityFacts } from "../../linux/security/security-facts.ts";
import type { NamespaceType, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { readHostCgroupOptions } from "../cgroup/host-cgroup-options.ts";
import type { ContainerPlanOptions } from "../plan/plan-container.ts";
import { findKernelMounts } from "../plan/plan-root.ts";
import type { Caller } from "../plan/plan-user-namespace.ts";
import { requireResctrl } from "./intel-rdt.ts";
import type { Bundle } from "./read-bundle.ts";

/** Names in /proc/self/ns: namespaces(7). */
const NAMESPACE_FILES: Readonly<Record<NamespaceType, string>> = {
  pid: "pid",
  network: "net",
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  cgroup: "cgroup",
  time: "time",
};

export interface PlanFactsOptions {
  readonly id: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly withoutPivot: boolean;
  readonly withoutKeyring: boolean;
}

export type PlanFacts = Omit<ContainerPlanOptions, "cgroups" | "launch" | "seccomp">;

function inode(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** Kinds of namespaces that are joined and are the host's own. */
function ownNamespaces(spec: RuntimeSpec): ReadonlySet<NamespaceType> {
  const joined = (spec.linux?.namespaces ?? []).filter(({ path }) => path !== undefined && path !== "");
  return new Set(
    joined
      .filter(({ type, path }) => inode(path ?? "") === inode(`/proc/self/ns/${NAMESPACE_FILES[type]}`))
      .map(({ type }) => type),
  );
}

function findProgram(name: string, path: string): string | undefined {
  return path
    .split(":")
    .map((folder) => join(folder, name))
    .find((candidate) => {
      try {
        accessSync(candidate, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The ordinary user who calls; undefined for root. */
export function readCaller(environment: Readonly<Record<string, string | undefined>>): Caller | undefined {
  const uid = process.geteuid?.() ?? 0;
  if (uid === 0) return undefined;
  const path = environment.PATH || "/usr/bin:/bin";
  const [newuidmap, newgidmap] = [findProgram("newuidmap", path), findProgram("newgidmap", path)];
  return {
    uid,
    gid: process.getegid?.() ?? uid,
    ...(newuidmap === undefined ? {} : { newuidmap }),
    ...(newgidmap === undefined ? {} : { newgidmap }),
  };
}

async function readNetDevices(spec: RuntimeSpec): Promise<Pick<PlanFacts, "netDevices">> {
  const names = Object.keys(spec.linux?.netDevices ?? {});
  if (names.length === 0) return {};
  const [{ readMovableLink }, { NetlinkSocket }] = await Promise.all([
    import("../../linux/netlink/movable-link.ts"),
    import("../../linux/netlink/netlink-socket.ts"),
  ]);
  using socket = NetlinkSocket.open("route");
  const links = names.flatMap((name) => {
    const link = readMovableLink(socket, name);
    return link === undefined ? [] : [[name, link] as const];
  });
  return { netDevices: new Map(links) };
}

/** What the planner has to know of the host, for a container of a bundle. Reads, changes nothing. */
export async function readPlanFacts(bundle: Bundle, options: PlanFactsOptions): Promise<PlanFacts> {
  const { spec } = bundle;
  requireResctrl(spec);
  const caller = readCaller(options.environment);
  return {
    rootfs: { type: "bind", path: bundle.rootfs },
    bundle: bundle.path,
    security: readSecurityFacts(),
    cgroupOptions: readHostCgroupOptions(spec),
    hasKcore: existsSync("/proc/kcore"),
    keyring: options.withoutKeyring ? "none" : options.id,
    ownNamespaces: ownNamespaces(spec),
    loopback: true,
    ...(caller === undefined ? {} : { caller }),
    ...(options.withoutPivot
      ? { withoutPivot: findKernelMounts(readFileSync("/proc/self/mountinfo", "utf8"), bundle.rootfs) }
      : {}),
    ...(await readNetDevices(spec)),
  };
}
