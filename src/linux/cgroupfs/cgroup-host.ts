/** One hierarchy of control groups that is mounted on this machine. */
export interface CgroupMount {
  readonly version: 1 | 2;
  /**
   * v1: the controllers of this hierarchy, `name=systemd` for a named one.
   * v2: those that the topmost folder we see can hand to its children.
   */
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** The path within the hierarchy that is seen at `mountPoint`; not `/` in a container that sees only its part. */
  readonly root: string;
  /** The folder of this process, as a path on this machine; undefined when it lies outside of what is mounted. */
  readonly ownPath: string | undefined;
}

/**
 * What the machine offers: `v1` (each controller in a hierarchy of the old kind), `v2` (the unified one alone), or
 * `hybrid` (v1, with a v2 hierarchy beside it, which usually has no controllers but can freeze and kill).
 */
export interface CgroupHost {
  readonly mode: "v1" | "v2" | "hybrid";
  /** v1 first; each hierarchy once. */
  readonly mounts: readonly CgroupMount[];
}

/** The hierarchy that has `controller`, or undefined when the machine has none. */
export function findController(host: CgroupHost, controller: string): CgroupMount | undefined {
  return host.mounts.find((mount) => mount.controllers.includes(controller));
}

/** The v2 hierarchy, or undefined when there is none. */
export function findUnified(host: CgroupHost): CgroupMount | undefined {
  return host.mounts.find((mount) => mount.version === 2);
}
