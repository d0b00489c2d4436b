import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import { readBootId, readStartTime } from "../../platform/process-identity.ts";
import { parseJson } from "../spec/parse-json.ts";
import { shapeRuntimeSpec } from "../spec/parse-runtime-spec.ts";
import type { ExplainedStep } from "./explained-steps.ts";
import { checkId, START_FIFO, STATE_FILE, stateFolder } from "./state-folder.ts";

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
  /** `linux.cgroupsPath`, empty for none, and where a user's systemd is asked. */
  readonly cgroup: { readonly driver: "plain" | "systemd"; readonly path: string; readonly busAddress?: string };
  /** It has a session keyring of its own, called after its id. */
  readonly hasKeyring: boolean;
  /** The launcher: while it lives and init is not known, the container is being made. */
  readonly creator: { readonly pid: number; readonly startTime: number };
  /** What is left to do at the start, and which number in the plan the first of it has. */
  readonly late: { readonly from: number; readonly steps: readonly ExplainedStep[] };
}

export interface ContainerState extends ContainerIdentity {
  readonly folder: string;
  readonly spec: RuntimeSpec;
  /** Undefined until there is one. */
  readonly init: { readonly pid: number; readonly startTime: number } | undefined;
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

function notThere(id: string): GantryError {
  return new GantryError("not-found", "container does not exist", { hint: `no container "${id}"` });
}

/**
 * A container's state.
 *
 * @throws `not-found` for an unknown id; `data-loss` for a file that is not ours.
 */
export function readContainerState(root: string, id: string): ContainerState {
  checkId(id);
  const folder = stateFolder(root, id);
  let text: string;
  try {
    text = readFileSync(join(folder, STATE_FILE), "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") throw notThere(id);
    throw new GantryError("permission-denied", `cannot read the state of container "${id}"`, { cause: error });
  }
  const parsed = parseJson(text);
  const value = "value" in parsed ? (parsed.value as Record<string, unknown>) : undefined;
  if (typeof value !== "object" || value === null || value.version !== 1)
    throw new GantryError("data-loss", `the state of container "${id}" cannot be read: ${join(folder, STATE_FILE)}`, {
      hint: "delete it with --force",
    });
  const { config, init_process_pid: pid, init_process_start: startTime, ...identity } = value;
  return {
    ...(identity as unknown as ContainerIdentity),
    folder,
    spec: shapeRuntimeSpec(config, STATE_FILE),
    init: typeof pid === "number" && pid > 0 ? { pid, startTime: Number(startTime) } : undefined,
  };
}

export type ContainerStatus = "creating" | "created" | "running" | "paused" | "stopped";

/** True if that very process lives: a number alone may be another's by now. */
export function isAlive(state: ContainerState, who: { readonly pid: number; readonly startTime: number }): boolean {
  return readStartTime(who.pid) === who.startTime && readBootId() === state.bootId;
}

/** @param isFrozen asks the control group, of a container that runs. */
export function statusOf(state: ContainerState, isFrozen: () => boolean): ContainerStatus {
  if (state.init === undefined) return isAlive(state, state.creator) ? "creating" : "stopped";
  if (!isAlive(state, state.init)) return "stopped";
  if (isFrozen()) return "paused";
  return existsSync(join(state.folder, START_FIFO)) ? "created" : "running";
}
