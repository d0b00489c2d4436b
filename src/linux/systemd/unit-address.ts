import { GantryError } from "../../errors/gantry-error.ts";
import { slicePath } from "./slice-path.ts";

/** The unit that a container's group is. */
export interface UnitAddress {
  /** `runc-web.scope`; a slice for a group that holds others' units. */
  readonly unit: string;
  readonly slice: string;
  /** The group's path below systemd's own: `/system.slice/runc-web.scope`. */
  readonly path: string;
}

/**
 * Reads a specification's `linux.cgroupsPath` as runc does with `--systemd-cgroup`: `slice:prefix:name`, each of which may
 * be empty. Absent, it is `<default slice>:runc:<container's id>`.
 *
 * @throws `invalid-argument` for another form, or parts that systemd does not take.
 */
export function parseUnitAddress(
  cgroupsPath: string | undefined,
  options: { readonly id: string; readonly isUser: boolean },
): UnitAddress {
  const parts = cgroupsPath ? cgroupsPath.split(":") : ["", "runc", options.id];
  const [given = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3) {
    throw new GantryError(
      "invalid-argument",
      `linux.cgroupsPath must be slice:prefix:name for the systemd driver, not ${JSON.stringify(cgroupsPath)}`,
    );
  }
  const slice = given || (options.isUser ? "user.slice" : "system.slice");
  const unit = name.endsWith(".slice") ? name : `${prefix}-${name}.scope`;
  // unit_name_is_valid() of systemd's src/basic/unit-name.c
  if (!/^[A-Za-z0-9:_.\\-]{1,249}$/.test(unit) || name === "") {
    throw new GantryError("invalid-argument", `linux.cgroupsPath: not a unit's name: ${JSON.stringify(unit)}`);
  }
  const above = slicePath(slice);
  const path = unit.endsWith(".slice") ? slicePath(unit) : `${above === "/" ? "" : above}/${unit}`;
  return { unit, slice, path };
}
