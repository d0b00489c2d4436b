import { GantryError } from "../../errors/gantry-error.ts";
import {
  encodeMove,
  encodeMovedAddress,
  encodeUp,
  INDEX_AT,
  type MovableLink,
  NAMESPACE_AT,
} from "../../linux/netlink/movable-link.ts";
import type { Linux } from "../../oci/runtime-spec.ts";
import type { Caller } from "./plan-user-namespace.ts";
import type { PlanStep } from "./steps.ts";

export type { MovableLink };

export interface NetDevicePlanOptions {
  readonly caller?: Caller;
  /** The host's interfaces by name, those that are moved. */
  readonly netDevices?: ReadonlyMap<string, MovableLink>;
  /** @default false */
  readonly loopback?: boolean;
}

const LOOPBACK_INDEX = 1;
const NAME_BYTES = 15;

/**
 * Plans how interfaces of the host come into the container (runtime-spec, config-linux.md, "Network devices"): set down, moved
 * and renamed by init's parent; given their addresses back and set up by init, in its network namespace.
 */
export function planNetDevices(linux: Linux, options: NetDevicePlanOptions): PlanStep[] {
  const namespace = (linux.namespaces ?? []).find(({ type }) => type === "network");
  const devices = Object.entries(linux.netDevices ?? {});
  const steps: PlanStep[] = [];
  if (options.loopback && namespace !== undefined && !namespace.path)
    steps.push(
      send("lo", encodeUp(LOOPBACK_INDEX, true), { cause: "linux.namespaces", task: "set the loopback interface up" }),
    );
  if (devices.length === 0) return steps;
  const cause = "linux.netDevices";
  if (namespace === undefined)
    throw new GantryError("invalid-argument", `${cause}: there is no network namespace in linux.namespaces`);
  if (options.caller !== undefined)
    throw new GantryError("unsupported", `${cause}: without root no interface can be moved`);
  for (const [name, { name: wanted }] of devices) {
    const newName = wanted || name;
    requireName(name, `${cause}["${name}"]`);
    requireName(newName, `${cause}["${name}"].name`);
    const link = options.netDevices?.get(name);
    if (link === undefined)
      throw new GantryError("not-found", `${cause}["${name}"]: the host has no such network interface`);
    steps.push(...planMove(name, { link, newName, namespacePath: namespace.path ?? "" }));
  }
  return steps;
}

function planMove(
  name: string,
  options: { readonly link: MovableLink; readonly newName: string; readonly namespacePath: string },
): PlanStep[] {
  const { link, newName, namespacePath } = options;
  // The kernel chooses the number in a template: the interface is then found by its index, which has to stay.
  const isTemplate = newName.includes("%d");
  const about = { cause: `linux.netDevices["${name}"]`, task: `move the network interface ${name} into the container` };
  const inside = (message: Uint8Array) =>
    send(newName, message, { ...about, ...(isTemplate ? {} : { indexAt: INDEX_AT }) });
  const index = isTemplate ? link.index : 0;
  return [
    send(name, encodeUp(link.index, false), { ...about, outside: 1 }),
    send(name, encodeMove(link.index, newName, isTemplate), {
      ...about,
      outside: 1,
      namespaceAt: NAMESPACE_AT,
      namespacePath,
    }),
    ...link.addresses.map((address) => inside(encodeMovedAddress(index, address))),
    inside(encodeUp(index, true)),
  ];
}

function send(
  name: string,
  message: Uint8Array,
  options: {
    readonly cause: string;
    readonly task: string;
    readonly outside?: number;
    readonly namespaceAt?: number;
    readonly namespacePath?: string;
    readonly indexAt?: number;
  },
): PlanStep {
  return { op: "netlink", outside: 0, namespaceAt: 0, indexAt: 0, namespacePath: "", name, message, ...options };
}

/** As the kernel has it: dev_valid_name(), net/core/dev.c. */
function requireName(name: string, cause: string): void {
  if (name === "." || name === ".." || Buffer.byteLength(name) > NAME_BYTES || !/^[^/:\s]+$/.test(name))
    throw new GantryError("invalid-argument", `${cause}: not a name of a network interface: ${JSON.stringify(name)}`);
}
