import { GantryError } from "../../errors/gantry-error.ts";
import type { NamespaceType, RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { RestoreFlags } from "./checkpoint-flags.ts";
import { type CriuFolders, commonOptions, EXTERNAL_NAMESPACES, type ExternalNamespace } from "./common-options.ts";
import type { CriuOptions } from "./criu-options.ts";
import type { ExternalPlace } from "./external-mounts.ts";
import { NULL_DEVICE } from "./plan-dump.ts";

export const RESTORE_LOG = "restore.log";
/** criu has its streams as 0 to 2 and its socket as 3. */
export const FIRST_NAMESPACE_FD = 4;

export interface RestoreFacts extends CriuFolders {
  /** A mount point. */
  readonly root: string;
  readonly places: readonly ExternalPlace[];
  readonly resolved: ReadonlyMap<string, string>;
  /** What masked files show. */
  readonly nullDevice: string;
  /** Controllers and the group that criu was put into. */
  readonly cgroupRoots: readonly { readonly controller: string; readonly path: string }[];
  /** What 0 to 2 of the dumped container's init were. */
  readonly descriptors: readonly string[];
}

export interface JoinedNamespaces {
  /** Opened and handed over, in this order. */
  readonly inherited: readonly { readonly type: ExternalNamespace; readonly path: string }[];
  readonly byPath: readonly { readonly kind: string; readonly path: string }[];
}

/** As criu names them: namespaces(7). */
const KINDS: Partial<Readonly<Record<NamespaceType, string>>> = {
  mount: "mnt",
  ipc: "ipc",
  uts: "uts",
  user: "user",
  time: "time",
};

/** The namespaces that a restored container joins. Pure. @throws `unsupported` for one that criu cannot join. */
export function planJoined(spec: RuntimeSpec): JoinedNamespaces {
  const joined = (spec.linux?.namespaces ?? []).flatMap(({ type, path }) =>
    path === undefined || path === "" ? [] : [{ type, path }],
  );
  const isInherited = (type: NamespaceType): type is ExternalNamespace => Object.hasOwn(EXTERNAL_NAMESPACES, type);
  return {
    inherited: joined.flatMap(({ type, path }) => (isInherited(type) ? [{ type, path }] : [])),
    byPath: joined.flatMap(({ type, path }) => {
      if (isInherited(type)) return [];
      const kind = KINDS[type];
      if (kind === undefined)
        throw new GantryError("unsupported", `linux.namespaces: criu cannot join a ${type} namespace (${path})`);
      return [{ kind, path }];
    }),
  };
}

/** What criu is asked for to restore a container. Pure. */
export function planRestore(spec: RuntimeSpec, flags: RestoreFlags, facts: RestoreFacts): CriuOptions {
  const { inherited, byPath } = planJoined(spec);
  const hasMasked = (spec.linux?.maskedPaths ?? []).length > 0;
  const inheritFds = [
    ...inherited.map(({ type }, index) => ({ key: EXTERNAL_NAMESPACES[type].key, fd: FIRST_NAMESPACE_FD + index })),
    ...facts.descriptors.flatMap((key, fd) => (key.includes("pipe:") ? [{ key, fd }] : [])),
  ];
  const mounts = [
    ...facts.places.map(({ destination, source }) => ({
      key: facts.resolved.get(destination) ?? destination,
      value: source === NULL_DEVICE ? facts.nullDevice : source,
    })),
    ...(hasMasked ? [{ key: NULL_DEVICE, value: facts.nullDevice }] : []),
  ];
  return {
    ...commonOptions(spec, flags, { ...facts, logFile: RESTORE_LOG }),
    root: facts.root,
    evasiveDevices: true,
    restoreSibling: true,
    ...(flags.lsmProfile === undefined ? {} : { lsmProfile: flags.lsmProfile }),
    ...(flags.lsmMountContext === undefined ? {} : { lsmMountContext: flags.lsmMountContext }),
    ...(facts.cgroupRoots.length === 0 ? {} : { cgroupRoots: facts.cgroupRoots }),
    ...(inheritFds.length === 0 ? {} : { inheritFds }),
    ...(byPath.length === 0 ? {} : { joinNamespaces: byPath }),
    ...(mounts.length === 0 ? {} : { externalMounts: mounts }),
  };
}

/** Controllers and groups of a process (/proc/PID/cgroup: cgroups(7)). */
export function parseCgroupRoots(text: string): readonly { readonly controller: string; readonly path: string }[] {
  return text.split("\n").flatMap((line) => {
    const [, controllers, path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    return controllers === undefined ? [] : controllers.split(",").map((controller) => ({ controller, path }));
  });
}
