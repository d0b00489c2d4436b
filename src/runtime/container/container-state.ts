import { GantryError } from "../../errors/gantry-error.ts";
import type { CgroupFolder } from "../../linux/cgroupfs/cgroup-folder.ts";
import type { Hook, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { readBootId, readStartTime } from "../../platform/process-identity.ts";
import { closeRawFile, OPEN, openRawFile, readRawText } from "../../platform/raw-file.ts";
import type { ExplainedStep } from "./explained-steps.ts";
import { checkId, START_FIFO, STATE_FILE, stateFolder } from "./state-folder.ts";

/** Where a container's control groups are. */
export interface CgroupRecord {
  readonly driver: "plain" | "systemd";
  /** `linux.cgroupsPath`, empty for none. */
  readonly path: string;
  /** Where a user's systemd is asked. */
  readonly busAddress?: string;
  /**
   * What `path` meant when the container was made: a relative one begins at the caller's own group, and another caller's is
   * another. Absent in what releases before wrote.
   */
  readonly folders?: readonly CgroupFolder[];
  /**
   * Those of them that were made for the container, and go with it. Absent until they are there: a killed `create` may
   * have made none, and another container may have groups of that name by now. Absent too in what releases before wrote.
   */
  readonly made?: readonly string[];
}

/** What `state.json` says besides the configuration and who init is. */
export interface ContainerIdentity {
  readonly version: 1;
  readonly id: string;
  readonly bundle: string;
  /** Absolute. */
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly ownerUid: number;
  /** A number means a process of this boot alone. */
  readonly bootId: string;
  readonly cgroup: CgroupRecord;
  /** It has a session keyring of its own, called after its id. */
  readonly hasKeyring: boolean;
  /** The launcher: while it lives and init is not known, the container is being made. */
  readonly creator: { readonly pid: number; readonly startTime: number };
  /** What 0 to 2 of init were when it was made (`pipe:[4711]`): `checkpoint` writes it down for `restore`. Absent in what releases before wrote. */
  readonly descriptors?: readonly string[];
  /** What is left to do at the start, and which number in the plan the first of it has. */
  readonly late: { readonly from: number; readonly steps: readonly ExplainedStep[] };
}

/** The members of a configuration that are looked at before, or instead of, reading all of it. */
export interface ConfigurationGlance {
  readonly ociVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hooks?: { readonly poststart?: readonly Hook[]; readonly poststop?: readonly Hook[] };
  readonly linux?: { readonly intelRdt?: unknown };
}

export interface ContainerRecord extends ContainerIdentity {
  readonly folder: string;
  /** Undefined until there is one. */
  readonly init: { readonly pid: number; readonly startTime: number } | undefined;
  /** It was read and found right before it was written. */
  readonly config: ConfigurationGlance;
}

/** A record with its configuration read. */
export interface ContainerState extends ContainerRecord {
  readonly spec: RuntimeSpec;
}

/** The text of `state.json` in two parts, between which stands who init is. */
export function stateText(
  identity: ContainerIdentity,
  config: string,
): { readonly head: string; readonly tail: string } {
  const { late, ...rest } = identity;
  return {
    head: `${JSON.stringify(rest).slice(0, -1)},`,
    tail: `,"late":${JSON.stringify(late)},"config":${config}}\n`,
  };
}

/** What stands there before init is known. */
export const NO_INIT = '"init_process_pid":0,"init_process_start":0';

/** @throws `not-found` for an unknown id. */
export function readStateText(root: string, id: string): string {
  checkId(id);
  const text = readRawText(`${stateFolder(root, id)}/${STATE_FILE}`);
  if (typeof text === "string") return text;
  if (text === -ERRNO.ENOENT || text === -ERRNO.ENOTDIR)
    throw new GantryError("not-found", "container does not exist", { hint: `no container "${id}"` });
  throw new GantryError("permission-denied", `cannot read the state of container "${id}": ${describeErrno(-text)}`);
}

/**
 * A container's record from the text of its `state.json`.
 *
 * @throws `data-loss` for a text that says nothing; `unsupported` for what another runtime, or a later release, wrote.
 */
export function recordOf(value: unknown, where: { readonly root: string; readonly id: string }): ContainerRecord {
  const folder = stateFolder(where.root, where.id);
  const path = `${folder}/${STATE_FILE}`;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new GantryError("data-loss", `the state of container "${where.id}" cannot be read: ${path}`, {
      hint: "delete it with --force",
    });
  const { init_process_pid: pid, init_process_start: startTime, ...rest } = value as Record<string, unknown>;
  if (rest.version !== 1)
    throw new GantryError("unsupported", `container "${where.id}" is not this runtime's: another one wrote ${path}`, {
      hint: "use the one that made it, or another --root",
    });
  return {
    ...(rest as unknown as ContainerIdentity & { readonly config: ConfigurationGlance }),
    folder,
    init: typeof pid === "number" && pid > 0 ? { pid, startTime: Number(startTime) } : undefined,
  };
}

/** A container's record, its configuration not looked into. @throws as `readStateText` and `recordOf` */
export function readContainerRecord(root: string, id: string): ContainerRecord {
  const text = readStateText(root, id);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Said by recordOf.
  }
  return recordOf(value, { root, id });
}

export type ContainerStatus = "creating" | "created" | "running" | "paused" | "stopped";

/** True if that very process lives: a number alone may be another's by now. */
export function isAlive(
  { bootId }: Pick<ContainerIdentity, "bootId">,
  who: { readonly pid: number; readonly startTime: number },
): boolean {
  return readStartTime(who.pid) === who.startTime && readBootId() === bootId;
}

/** Whether init waits for the word: a `start` that was killed after it said that leaves a fifo which nobody reads. */
function isAwaited(fifo: string): boolean {
  const fd = openRawFile(fifo, OPEN.writeOnly | OPEN.nonBlocking);
  if (fd >= 0) closeRawFile(fd);
  return fd !== -ERRNO.ENOENT && fd !== -ERRNO.ENXIO;
}

/** @param isFrozen asks the control group, of a container that runs. */
export function statusOf(record: ContainerRecord, isFrozen: () => boolean): ContainerStatus {
  if (record.init === undefined) return isAlive(record, record.creator) ? "creating" : "stopped";
  if (!isAlive(record, record.init)) return "stopped";
  if (isFrozen()) return "paused";
  return isAwaited(`${record.folder}/${START_FIFO}`) ? "created" : "running";
}
