import { GantryError } from "../../errors/gantry-error.ts";
import type { Linux, NamespaceType } from "../../oci/runtime-spec.ts";
import { NAMESPACE_FLAGS, namespaceFlag } from "./namespaces.ts";
import { planTimeOffsets } from "./plan-time-offsets.ts";
import { type Caller, planUserNamespace } from "./plan-user-namespace.ts";
import type { PlanStep } from "./steps.ts";

/** What is made with init itself. A cgroup namespace shows the cgroup that one was in when it was made: only once init is in its own. */
const LATE = NAMESPACE_FLAGS.cgroup | NAMESPACE_FLAGS.time;

export interface NamespaceSteps {
  /** First of all. */
  readonly steps: readonly PlanStep[];
  /** Once the host's paths are no longer needed: init becomes root of its user namespace. Empty without one. */
  readonly becomeRoot: readonly PlanStep[];
  /** No process in the user namespace can change its groups. */
  readonly keepsGroups: boolean;
}

/**
 * Plans which namespaces are made and which are joined.
 *
 * @param cgroups entered as early as can be: nothing that is joined may hide their folders.
 * @param caller of whom the container is; default: root.
 */
export function planNamespaces(linux: Linux, cgroups: readonly PlanStep[], caller?: Caller): NamespaceSteps {
  const joined: PlanStep[] = [];
  const kinds = new Set<NamespaceType>();
  let flags = 0;
  (linux.namespaces ?? []).forEach(({ type, path }, index) => {
    const cause = `linux.namespaces[${index}]`;
    const flag = namespaceFlag(type, cause);
    if (kinds.has(type)) throw new GantryError("invalid-argument", `${cause}: a second ${type} namespace`);
    kinds.add(type);
    if (path === undefined || path === "") flags |= flag;
    else if (!path.startsWith("/"))
      throw new GantryError("invalid-argument", `${cause}.path: "${path}" is not an absolute path`);
    else joined.push({ op: "join-namespace", kind: flag, path, cause, task: `join the ${type} namespace ${path}` });
  });
  if (!kinds.has("mount"))
    throw new GantryError("unsupported", "linux.namespaces: a container without a mount namespace is not supported");
  // Paths are others in a mount namespace that is joined.
  joined.sort((a, b) => Number(isMount(a)) - Number(isMount(b)));
  const user = planUserNamespace(linux, caller);
  const cause = "linux.namespaces";
  return {
    steps: [
      { op: "clone-namespaces", flags: flags & ~LATE, cause, task: "create the namespaces" },
      ...user.steps,
      ...cgroups,
      ...planTimeOffsets(linux),
      ...joined,
      ...(flags & NAMESPACE_FLAGS.cgroup
        ? [{ op: "unshare", flags: NAMESPACE_FLAGS.cgroup, cause, task: "create the cgroup namespace" } as const]
        : []),
    ],
    becomeRoot: user.becomeRoot,
    keepsGroups: user.keepsGroups,
  };
}

function isMount(step: PlanStep): boolean {
  return step.op === "join-namespace" && step.kind === NAMESPACE_FLAGS.mount;
}
