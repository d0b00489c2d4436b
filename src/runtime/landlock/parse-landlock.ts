import { posix } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

export const LANDLOCK_PREFIX = "org.gantry.landlock.";

/** What annotations ask of Landlock. A list that is left out leaves its kind unrestricted; an empty one allows nothing. */
export interface LandlockRules {
  /** Left out with `write` and `execute`: files are not restricted. */
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  readonly execute?: readonly string[];
  readonly bindPorts?: readonly number[];
  readonly connectPorts?: readonly number[];
  readonly scope: readonly LandlockScope[];
  /** What this kernel lacks is left out instead of refused. */
  readonly isBestEffort: boolean;
}

/** What the program may not reach outside of its own domain. */
export type LandlockScope = "abstract-unix-socket" | "signal";

const SCOPES: readonly LandlockScope[] = ["abstract-unix-socket", "signal"];
const MAX_ENTRIES = 1024;

/**
 * Reads the annotations `org.gantry.landlock.*`; `undefined` if there is none.
 *
 * @throws `invalid-argument` naming the annotation.
 */
export function parseLandlock(annotations: Readonly<Record<string, string>> = {}): LandlockRules | undefined {
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(annotations))
    if (name.startsWith(LANDLOCK_PREFIX)) given.set(name.slice(LANDLOCK_PREFIX.length), value);
  if (given.size === 0) return undefined;
  const take = <T>(name: string, parse: (value: string, name: string) => T): T | undefined => {
    const value = given.get(name);
    given.delete(name);
    return value === undefined ? undefined : parse(value, `${LANDLOCK_PREFIX}${name}`);
  };
  const [read, write, execute] = [take("read", parsePaths), take("write", parsePaths), take("execute", parsePaths)];
  const [bindPorts, connectPorts] = [take("tcp.bind", parsePorts), take("tcp.connect", parsePorts)];
  const rules: LandlockRules = {
    ...(read === undefined ? {} : { read }),
    ...(write === undefined ? {} : { write }),
    ...(execute === undefined ? {} : { execute }),
    ...(bindPorts === undefined ? {} : { bindPorts }),
    ...(connectPorts === undefined ? {} : { connectPorts }),
    scope: take("scope", parseScope) ?? [],
    isBestEffort: take("best-effort", parseBoolean) ?? false,
  };
  for (const name of given.keys())
    throw new GantryError("invalid-argument", `${LANDLOCK_PREFIX}${name}: no such annotation`, {
      hint: "there are read, write, execute, tcp.bind, tcp.connect, scope and best-effort",
    });
  return rules;
}

function split(value: string, separator: string, name: string): string[] {
  const entries = value === "" ? [] : value.split(separator);
  if (entries.length > MAX_ENTRIES)
    throw new GantryError("invalid-argument", `${name}: more than ${MAX_ENTRIES} entries`);
  return entries;
}

/** Like PATH: parted by colons. */
function parsePaths(value: string, name: string): string[] {
  return split(value, ":", name).map((path) => {
    if (!posix.isAbsolute(path) || path.includes("\0"))
      throw new GantryError("invalid-argument", `${name}: ${JSON.stringify(path)} is not an absolute path`, {
        hint: "paths are parted by colons",
      });
    return path;
  });
}

function parsePorts(value: string, name: string): number[] {
  return split(value, ",", name).map((text) => {
    const port = Number(text);
    if (!/^[0-9]{1,5}$/.test(text) || port > 65535)
      throw new GantryError("invalid-argument", `${name}: ${JSON.stringify(text)} is not a port`, {
        hint: "ports are numbers, parted by commas",
      });
    return port;
  });
}

function parseScope(value: string, name: string): LandlockScope[] {
  return split(value, ",", name).map((text) => {
    const scope = SCOPES.find((one) => one === text);
    if (scope === undefined)
      throw new GantryError("invalid-argument", `${name}: no such scope: ${JSON.stringify(text)}`, {
        hint: `there are ${SCOPES.join(" and ")}`,
      });
    return scope;
  });
}

function parseBoolean(value: string, name: string): boolean {
  if (value !== "true" && value !== "false")
    throw new GantryError("invalid-argument", `${name}: ${JSON.stringify(value)} is neither true nor false`);
  return value === "true";
}
