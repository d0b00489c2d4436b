import { GantryError } from "../../errors/gantry-error.ts";
import type { IdMapping, Linux, Mount } from "../../oci/runtime-spec.ts";
import type { MountOptions } from "./mount-options.ts";
import type { PlanStep } from "./steps.ts";

/** What one /proc/pid/uid_map takes: user_namespaces(7). */
const MAX_RANGES = 340;

/** The text of a uid_map or gid_map. */
function formatIdMap(mappings: readonly IdMapping[], path: string): string {
  if (mappings.length > MAX_RANGES)
    throw new GantryError("invalid-argument", `${path}: more than ${MAX_RANGES} ranges of ids`);
  return mappings
    .map(({ containerID, hostID, size }, index) => {
      for (const [name, value] of Object.entries({ containerID, hostID, size }))
        if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
          throw new GantryError("invalid-argument", `${path}[${index}].${name}: not an id: ${value}`);
      return `${containerID} ${hostID} ${size}\n`;
    })
    .join("");
}

/**
 * Maps the owners of a bind mount's files (mount_setattr(2), "ID-mapped mounts"): as the mount says, or else as the
 * container's user namespace does.
 *
 * @returns no step for a mount without such a wish.
 */
export function planIdMap(
  mount: Mount,
  options: MountOptions,
  place: { slot: number; linux: Linux; cause: string },
): PlanStep[] {
  const { slot, linux, cause } = place;
  const own = { users: mount.uidMappings ?? [], groups: mount.gidMappings ?? [] };
  const isOwn = own.users.length > 0 || own.groups.length > 0;
  if (options.idMap === "no" && !isOwn) return [];
  const users = isOwn ? own.users : (linux.uidMappings ?? []);
  const groups = isOwn ? own.groups : (linux.gidMappings ?? []);
  if (users.length === 0 || groups.length === 0)
    throw new GantryError(
      "invalid-argument",
      `${cause}: a mount with mapped ids needs uidMappings and gidMappings, its own or a user namespace's`,
    );
  return [
    {
      op: "map-ids",
      slot,
      recursive: options.idMap === "ridmap" ? 1 : 0,
      users: formatIdMap(users, `${cause}.uidMappings`),
      groups: formatIdMap(groups, `${cause}.gidMappings`),
      cause,
      task: `map the ids of "${mount.source ?? ""}"`,
    },
  ];
}
