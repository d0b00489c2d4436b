import { readFileSync } from "node:fs";
import { GantryError } from "../../../errors/gantry-error.ts";
import type { IntelRdt, Resources } from "../../../oci/runtime-spec.ts";
import type { ContainerState } from "../../container/container-state.ts";
import { openContainer } from "../../container/open-container.ts";
import { readUpdated, writeUpdated } from "../../container/updated-resources.ts";
import { parseResources } from "../../spec/parse-runtime-spec.ts";
import type { GivenFlags } from "../parse-runc-flags.ts";
import { parseSize } from "../parse-size.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

const MAX_EXACT = /^-?\d{1,15}$/;

function integer(flags: GivenFlags, name: string): number | undefined {
  const text = flags.text(name);
  if (text === undefined) return undefined;
  if (!MAX_EXACT.test(text))
    throw new GantryError("invalid-argument", `invalid value for ${name}: ${JSON.stringify(text)}`);
  return Number(text);
}

function size(flags: GivenFlags, name: string): number | undefined {
  const text = flags.text(name);
  return text === undefined ? undefined : parseSize(text, name);
}

/** Without what is undefined; undefined when nothing is left. */
function defined<T extends object>(fields: { readonly [Name in keyof T]: T[Name] | undefined }): T | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

/** What the flags change. */
export function resourcesOfFlags(flags: GivenFlags): Resources {
  const cpu = defined<NonNullable<Resources["cpu"]>>({
    shares: integer(flags, "cpu-share"),
    quota: integer(flags, "cpu-quota"),
    burst: integer(flags, "cpu-burst"),
    period: integer(flags, "cpu-period"),
    realtimeRuntime: integer(flags, "cpu-rt-runtime"),
    realtimePeriod: integer(flags, "cpu-rt-period"),
    cpus: flags.text("cpuset-cpus"),
    mems: flags.text("cpuset-mems"),
    idle: integer(flags, "cpu-idle"),
  } as never);
  const memory = defined<NonNullable<Resources["memory"]>>({
    limit: size(flags, "memory"),
    reservation: size(flags, "memory-reservation"),
    swap: size(flags, "memory-swap"),
  } as never);
  const weight = integer(flags, "blkio-weight");
  const pids = integer(flags, "pids-limit");
  return {
    ...(cpu === undefined ? {} : { cpu }),
    ...(memory === undefined ? {} : { memory }),
    ...(weight === undefined || weight === 0 ? {} : { blockIO: { weight } }),
    ...(pids === undefined || pids === 0 ? {} : { pids: { limit: pids } }),
  };
}

function readResources(path: string): Resources {
  let text: string;
  try {
    text = readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (error) {
    throw new GantryError("not-found", `cannot read the resources of --resources: ${path}`, { cause: error });
  }
  return parseResources(text, path === "-" ? "standard input" : path);
}

/** Devices are what they were: a rule alone would mean all of them. */
function merge(before: Resources, change: Resources): Resources {
  const { devices: _devices, ...others } = change;
  const one = <Name extends "cpu" | "memory">(name: Name): Pick<Resources, Name> | object =>
    others[name] === undefined ? {} : { [name]: { ...before[name], ...others[name] } };
  return { ...before, ...others, ...one("cpu"), ...one("memory") };
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    resources: { takes: "text", short: "r" },
    "blkio-weight": { takes: "text" },
    "cpu-period": { takes: "text" },
    "cpu-quota": { takes: "text" },
    "cpu-burst": { takes: "text" },
    "cpu-share": { takes: "text" },
    "cpu-rt-period": { takes: "text" },
    "cpu-rt-runtime": { takes: "text" },
    "cpu-idle": { takes: "text" },
    "cpuset-cpus": { takes: "text" },
    "cpuset-mems": { takes: "text" },
    memory: { takes: "text" },
    "memory-reservation": { takes: "text" },
    "memory-swap": { takes: "text" },
    "kernel-memory": { takes: "text" },
    "kernel-memory-tcp": { takes: "text" },
    "pids-limit": { takes: "text" },
    "l3-cache-schema": { takes: "text" },
    "mem-bw-schema": { takes: "text" },
  },
  arguments: { min: 1, max: 1 },
  async run({ flags, log, options, positionals }) {
    const { state, cgroup, status } = await openContainer(options.root, positionals[0] ?? "");
    if (status() === "stopped") throw new GantryError("conflict", "container not running");
    for (const name of ["kernel-memory", "kernel-memory-tcp"])
      if (flags.text(name) !== undefined) log.write("warning", `--${name} is ignored: no kernel has it any more`);
    const file = flags.text("resources");
    const change = file === undefined ? resourcesOfFlags(flags) : readResources(file);
    const before = readUpdated(state.folder) ?? state.spec.linux?.resources ?? {};
    const { devices: _devices, ...previous } = before;
    const { devices: _own, ...wanted } = change;
    await updateClass(state, flags);
    await cgroup.update(withMemory(wanted, previous), { previous });
    writeUpdated(state.folder, merge(before, wanted));
    return 0;
  },
};

/** resctrl is loaded only by who wants it. */
async function updateClass({ id, spec }: Pick<ContainerState, "id" | "spec">, flags: GivenFlags): Promise<void> {
  const change = defined<Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">>({
    l3CacheSchema: flags.text("l3-cache-schema"),
    memBwSchema: flags.text("mem-bw-schema"),
  });
  if (change === undefined) return;
  const { updateIntelRdt } = await import("../../container/intel-rdt.ts");
  updateIntelRdt(spec, change, { id });
}

/** Memory's limits depend on each other: what holds is said with what changes. */
function withMemory(change: Resources, before: Resources): Resources {
  const { memory } = change;
  if (memory === undefined || memory.limit !== undefined || memory.swap === undefined) return change;
  const limit = before.memory?.limit;
  return limit === undefined ? change : { ...change, memory: { limit, ...memory } };
}
