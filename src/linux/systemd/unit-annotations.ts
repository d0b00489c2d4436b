import { GantryError } from "../../errors/gantry-error.ts";
import type { Variant } from "../dbus/dbus-value.ts";
import { parseGvariant } from "./parse-gvariant.ts";
import type { UnitProperty } from "./unit-property.ts";

const PREFIX = "org.systemd.property.";
const MICROSECONDS = 1_000_000;

function inMicroseconds({ value }: Variant, key: string): Variant {
  if (typeof value === "bigint") return { signature: "t", value: value * BigInt(MICROSECONDS) };
  if (typeof value === "number") return { signature: "t", value: BigInt(Math.trunc(value * MICROSECONDS)) };
  throw new GantryError("invalid-argument", `annotations["${key}"] must be a number of seconds`);
}

/**
 * The properties that a specification's annotations give to its unit, `org.systemd.property.<Name>` with a value in
 * GVariant's text form, as runc and crun have them. A name that ends in `Sec` is of seconds, where systemd's own ends in
 * `USec`.
 *
 * @throws `invalid-argument` naming the annotation.
 */
export function parseUnitAnnotations(annotations: Readonly<Record<string, string>>): readonly UnitProperty[] {
  return Object.entries(annotations).flatMap(([key, text]): UnitProperty[] => {
    if (!key.startsWith(PREFIX)) return [];
    const name = key.slice(PREFIX.length);
    if (!/^[A-Za-z]{3,}$/.test(name)) {
      throw new GantryError("invalid-argument", `annotations["${key}"] is not named after a property: letters alone`);
    }
    let value: Variant;
    try {
      value = parseGvariant(text);
    } catch (error) {
      throw new GantryError("invalid-argument", `annotations["${key}"] is not a value: ${JSON.stringify(text)}`, {
        cause: error,
        hint: "write it in GVariant's text form, like uint64 5 or 'text'",
      });
    }
    const isSeconds = /[a-z]Sec$/.test(name);
    return [isSeconds ? [`${name.slice(0, -3)}USec`, inMicroseconds(value, key)] : [name, value]];
  });
}
