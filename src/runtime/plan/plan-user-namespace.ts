import { GantryError } from "../../errors/gantry-error.ts";
import type { IdMapping, Linux } from "../../oci/runtime-spec.ts";
import type { PlanStep } from "./steps.ts";

/** An ordinary user who runs containers. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  /** Paths of the programs that give users their ranges of /etc/subuid and /etc/subgid, where the host has them. */
  readonly newuidmap?: string;
  readonly newgidmap?: string;
}

export interface UserNamespaceSteps {
  readonly steps: readonly PlanStep[];
  readonly becomeRoot: readonly PlanStep[];
  readonly keepsGroups: boolean;
}

/** The kernel's (UID_GID_MAP_MAX_EXTENTS, include/linux/user_namespace.h). */
const MAX_RANGES = 340;
const MAX_ID = 0xffff_ffff;

/**
 * Plans a user namespace: who is who in a new one, written by init's parent before init does anything; and init's becoming
 * 0:0 in it, for file systems that are mounted in there take only ids that they know (user_namespaces(7)).
 */
export function planUserNamespace(linux: Linux, caller?: Caller): UserNamespaceSteps {
  const namespace = (linux.namespaces ?? []).find(({ type }) => type === "user");
  const users = linux.uidMappings ?? [];
  const groups = linux.gidMappings ?? [];
  if (namespace === undefined) {
    if (users.length + groups.length > 0)
      throw new GantryError("invalid-argument", "linux.uidMappings: there is no user namespace in linux.namespaces");
    if (caller !== undefined)
      throw new GantryError("permission-denied", "linux.namespaces: without root a container needs a user namespace");
    return { steps: [], becomeRoot: [], keepsGroups: false };
  }
  if (namespace.path) {
    if (users.length + groups.length > 0)
      throw new GantryError("invalid-argument", "linux.uidMappings: a user namespace that is joined has its mappings");
    return { steps: [], becomeRoot: [becomeRoot(false)], keepsGroups: false };
  }
  // The kernel lets an ordinary user map nobody but himself, and only if groups stay what they are.
  const keepsGroups = caller !== undefined && isOnly(groups, caller.gid);
  return {
    steps: [
      planMapping(users, { name: "uidMappings", isDenied: false, isOwn: caller && isOnly(users, caller.uid), caller }),
      planMapping(groups, { name: "gidMappings", isDenied: keepsGroups, isOwn: keepsGroups, caller }),
    ],
    becomeRoot: [becomeRoot(keepsGroups)],
    keepsGroups,
  };
}

/** Init, or a process that joins, as root of its user namespace. */
export function becomeRoot(keepsGroups: boolean): PlanStep {
  const cause = "linux.namespaces";
  return { op: "become-root", keepGroups: keepsGroups ? 1 : 0, cause, task: "become root of the user namespace" };
}

function isOnly(mappings: readonly IdMapping[], id: number): boolean {
  return mappings.length === 1 && mappings[0]?.size === 1 && mappings[0].hostID === id;
}

function planMapping(
  mappings: readonly IdMapping[],
  options: {
    readonly name: "uidMappings" | "gidMappings";
    readonly isDenied: boolean;
    readonly isOwn: boolean | undefined;
    readonly caller: Caller | undefined;
  },
): PlanStep {
  const { name, caller } = options;
  const cause = `linux.${name}`;
  const isGroups = name === "gidMappings";
  if (mappings.length === 0)
    throw new GantryError("invalid-argument", `${cause}: a new user namespace needs its mappings`);
  if (mappings.length > MAX_RANGES)
    throw new GantryError("invalid-argument", `${cause}: more than ${MAX_RANGES} ranges`);
  mappings.forEach((mapping, index) => {
    checkRange(mapping, `${cause}[${index}]`);
  });
  const root = mappings.find(({ containerID }) => containerID === 0);
  if (root === undefined)
    throw new GantryError("invalid-argument", `${cause}: nobody is 0 in the user namespace`, {
      hint: "map containerID 0 to an id of the host",
    });
  const needsTool = caller !== undefined && options.isOwn !== true;
  const toolName = isGroups ? "newgidmap" : "newuidmap";
  const tool = isGroups ? caller?.newgidmap : caller?.newuidmap;
  if (needsTool && tool === undefined)
    throw new GantryError("unsupported", `${cause}: without root these need ${toolName}, which is not there`, {
      hint: "Debian: apt-get install uidmap",
    });
  const rows = mappings.map(({ containerID, hostID, size }) => [containerID, hostID, size]);
  return {
    op: "write-id-map",
    isGroups: isGroups ? 1 : 0,
    denySetgroups: options.isDenied ? 1 : 0,
    rootId: root.hostID,
    tool: needsTool ? (tool ?? "") : "",
    text: rows.map((row) => `${row.join(" ")}\n`).join(""),
    ranges: needsTool ? rows.flat().map(String) : [],
    cause,
    task: isGroups ? "map the groups" : "map the users",
  };
}

function checkRange({ containerID, hostID, size }: IdMapping, cause: string): void {
  for (const [field, value] of [
    ["containerID", containerID],
    ["hostID", hostID],
  ] as const)
    if (!Number.isInteger(value) || value < 0 || value >= MAX_ID)
      throw new GantryError("invalid-argument", `${cause}.${field}: not an id: ${value}`);
  if (!Number.isInteger(size) || size < 1 || containerID + size > MAX_ID || hostID + size > MAX_ID)
    throw new GantryError("invalid-argument", `${cause}.size: not a number of ids: ${size}`);
}
