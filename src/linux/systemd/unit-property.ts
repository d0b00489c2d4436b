import type { Variant } from "../dbus/dbus-value.ts";

/** A property of a unit, as systemd's D-Bus interface takes it. */
export type UnitProperty = readonly [name: string, value: Variant];
