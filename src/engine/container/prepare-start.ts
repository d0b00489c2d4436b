import { GantryError } from "../../errors/gantry-error.ts";
import { resolveCapabilities } from "../../runtime/capabilities/index.ts";
import { DEFAULT_SHM_SIZE_BYTES, type NamespaceChoice, type SpecInput } from "../../runtime/spec/index.ts";
import { LayeredTree } from "../../volume/layered-tree.ts";
import type { EngineContext } from "../engine-context.ts";
import type { Undo } from "../undo.ts";
import { planContainerMounts } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { planSeccomp } from "./container-security.ts";
import { readUsersOfLayers } from "./image-files.ts";
import { type JoinedNamespace, openNamespace } from "./joined-namespace.ts";
import { parseNamespaceMode, parseNetworkMode } from "./namespace-mode.ts";
import type { StartFacts } from "./plan-container-spec.ts";
import { resolveUser } from "./resolve-user.ts";
import { mountSharedMemory, unmountSharedMemory } from "./shared-memory.ts";

interface Joined extends Disposable {
  readonly choices: StartFacts["namespaces"];
  readonly shm: SpecInput["shm"];
  /** Whose network files are used. */
  readonly filesOf: string;
  readonly hostname: string;
}

/** Opens the namespaces of other containers that this one joins; held until disposed. */
export function joinNamespaces(context: EngineContext, record: ContainerRecord, undo: Undo): Joined {
  const opened: JoinedNamespace[] = [];
  const close = (): void => {
    for (const one of opened.splice(0)) one[Symbol.dispose]();
  };
  const choose = (mode: ReturnType<typeof parseNamespaceMode>, type: "net" | "pid" | "ipc"): NamespaceChoice => {
    if (mode.kind === "plain") return mode.name === "host" ? "host" : "new";
    const joined = openNamespace(context, mode.partner, type);
    opened.push(joined);
    return { path: joined.path };
  };
  try {
    const { namespaces = {} } = record.config;
    const network = parseNetworkMode(record.network?.mode);
    const cgroup = parseNamespaceMode(namespaces.cgroup, context.parts.cgroups.version === 2 ? "private" : "host");
    const uts = parseNamespaceMode(namespaces.uts, "private");
    const choices = {
      network: choose(network, "net"),
      pid: choose(parseNamespaceMode(namespaces.pid, "private"), "pid"),
      ipc: choose(parseNamespaceMode(namespaces.ipc, "private"), "ipc"),
      uts: uts.kind === "plain" && uts.name === "host" ? ("host" as const) : ("new" as const),
      cgroup: cgroup.kind === "plain" && cgroup.name === "host" ? ("host" as const) : ("new" as const),
    };
    const partner = network.kind === "container" ? context.records.resolve(network.partner) : undefined;
    return {
      choices,
      shm: planShm(context, record, undo),
      filesOf: partner?.id ?? record.id,
      hostname: partner?.effective.hostname ?? record.effective.hostname,
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function planShm(context: EngineContext, record: ContainerRecord, undo: Undo): SpecInput["shm"] {
  const mode = parseNamespaceMode(record.config.namespaces?.ipc, "private");
  const sizeBytes = record.config.shmSizeBytes || DEFAULT_SHM_SIZE_BYTES;
  if (mode.kind === "container") {
    const partner = context.records.resolve(mode.partner);
    const isShared = partner.config.namespaces?.ipc === "shareable";
    if (!isShared && partner.config.namespaces?.ipc !== "host") {
      throw new GantryError("conflict", `cannot join IPC of container ${partner.id}: it does not share it`, {
        hint: `create ${partner.name} with --ipc shareable`,
      });
    }
    return { path: isShared ? context.paths.shared(partner.id) : "/dev/shm" };
  }
  if (mode.name === "none") return "none";
  if (mode.name === "host") return { path: "/dev/shm" };
  if (mode.name !== "shareable") return { sizeBytes };
  const path = context.paths.shared(record.id);
  mountSharedMemory(path, { sizeBytes, label: record.confinement?.mountLabel ?? "" });
  undo.push(() => unmountSharedMemory(path));
  return { path };
}

/** Finds out all that the specification of this run depends on. */
export function gatherStartFacts(
  context: EngineContext,
  record: ContainerRecord,
  joined: Omit<Joined, keyof Disposable> & {
    /** The path of a network namespace that was made for this container in advance. */
    readonly sandbox: string | undefined;
  },
): StartFacts {
  const { parts, paths } = context;
  const { security = {} } = record.config;
  const tree = new LayeredTree([paths.upper(record.id), ...record.snapshot.lower]);
  const { user, home } = resolveUser(record.effective.user, {
    ...readUsersOfLayers(tree),
    groups: record.config.groups ?? [],
  });
  const { capabilities, missing } = resolveCapabilities({
    add: security.capAdd ?? [],
    drop: security.capDrop ?? [],
    privileged: security.privileged === true,
    available: parts.capabilities,
  });
  if (missing.length > 0) {
    context.warnOnce(
      `this daemon lacks ${missing.join(", ")}: containers that ask for ${missing.length === 1 ? "it" : "them"} run without`,
    );
  }
  const seccomp = planSeccomp(security, { host: parts.host, capabilities });
  return {
    host: parts.host,
    user,
    home,
    hostname: joined.hostname,
    capabilities,
    ...(seccomp === undefined ? {} : { seccomp }),
    mounts: planContainerMounts(context, record, { filesOf: joined.filesOf }),
    shm: joined.shm,
    namespaces:
      joined.sandbox === undefined
        ? joined.choices
        : { ...joined.choices, network: { path: joined.sandbox, isFresh: true } },
    cgroupsPath: parts.cgroups.pathOf(record.id, record.config.resources?.cgroupParent),
    ...(record.confinement === undefined ? {} : { confinement: record.confinement }),
  };
}
