import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { CheckpointFlags } from "./checkpoint-flags.ts";
import { type CriuFolders, commonOptions, EXTERNAL_NAMESPACES, type ExternalNamespace } from "./common-options.ts";
import type { CriuOptions } from "./criu-options.ts";
import type { ExternalPlace } from "./external-mounts.ts";

export const DUMP_LOG = "dump.log";
/** What a masked file shows, and so what its mount is called. */
export const NULL_DEVICE = "/dev/null";

export interface DumpFacts extends CriuFolders {
  readonly pid: number;
  readonly rootfs: string;
  /** Where the container is frozen, if criu can do that there. */
  readonly freezer?: string;
  readonly places: readonly ExternalPlace[];
  /** Where a destination is in the container, once links are followed. Those that are not there are missing. */
  readonly resolved: ReadonlyMap<string, string>;
  /** Masked paths that are files. */
  readonly maskedFiles: readonly string[];
  /** Inodes of namespaces that the container has joined. */
  readonly joined: Partial<Readonly<Record<ExternalNamespace, number>>>;
}

/** What criu is asked for to dump a container, or its memory alone (`preDump`). Pure. */
export function planDump(spec: RuntimeSpec, flags: CheckpointFlags, facts: DumpFacts): CriuOptions {
  const { pid, rootfs, freezer, joined } = facts;
  const external = Object.entries(joined).map(([type, inode]) => {
    const { kind, key } = EXTERNAL_NAMESPACES[type as ExternalNamespace];
    return `${kind}[${inode}]:${key}`;
  });
  const mounts = [
    ...facts.places.map(({ destination }) => {
      const path = facts.resolved.get(destination) ?? destination;
      return { key: path, value: path };
    }),
    ...facts.maskedFiles.map((key) => ({ key, value: NULL_DEVICE })),
  ];
  return {
    ...commonOptions(spec, flags, { ...facts, logFile: DUMP_LOG }),
    pid,
    root: rootfs,
    leaveRunning: flags.leaveRunning,
    tcpSkipInFlight: flags.tcpSkipInFlight,
    linkRemap: flags.linkRemap,
    ...(freezer === undefined ? {} : { freezeCgroup: freezer }),
    ...(flags.pageServer === undefined ? {} : { pageServer: flags.pageServer }),
    ...(flags.parentPath === undefined ? {} : { parentImage: flags.parentPath, trackMemory: true }),
    ...(external.length === 0 ? {} : { external }),
    ...(flags.preDump || mounts.length === 0 ? {} : { externalMounts: mounts }),
  };
}
