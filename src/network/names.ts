import { createHash } from "node:crypto";
import { GantryError } from "../errors/gantry-error.ts";

/** Hex digits of a container's id that fit into the name of an interface. */
const ID_DIGITS = 5;

/** What the names on this host of one daemon's things begin with; any number of daemons live on one host. */
export interface HostNames {
  readonly rootHash: string;
  /** The nftables table, and the comment on our rules in others' tables. */
  readonly table: string;
  /** Bridges are this and a number. */
  readonly bridgePrefix: string;
  /** The host's ends of containers' interfaces are this and some digits of the container's id. */
  readonly interfacePrefix: string;
}

/** @param rootHash eight hex digits: interface names have fifteen bytes. */
export function hostNames(rootHash: string): HostNames {
  if (!/^[0-9a-f]{8}$/.test(rootHash)) throw new GantryError("internal", `not a hash of a root: "${rootHash}"`);
  return { rootHash, table: `gantry-${rootHash}`, bridgePrefix: `gn${rootHash}`, interfacePrefix: `gv${rootHash}` };
}

/** The first name with digits of the container's id that is not taken; the same container gets the same name where it can. */
export function chooseInterfaceName(names: HostNames, containerId: string, taken: ReadonlySet<string>): string {
  const digits = createHash("sha256").update(containerId).digest("hex");
  const source = `${/^[0-9a-f]*$/.test(containerId) ? containerId : ""}${digits}`;
  for (let start = 0; start + ID_DIGITS <= source.length; start++) {
    const name = `${names.interfacePrefix}${source.slice(start, start + ID_DIGITS)}`;
    if (!taken.has(name)) return name;
  }
  throw new GantryError("exhausted", `no name is left for a network interface of container ${containerId}`);
}

/** A network's id: 64 hex digits, the same each time for the same root, name and time. */
export function networkId(names: HostNames, network: string, createdAtMs: number): string {
  return createHash("sha256").update(`network\0${names.rootHash}\0${network}\0${createdAtMs}`).digest("hex");
}

/** A locally administered hardware address made of the IPv4 address, as Docker's: unique where that is. */
export function macOf(address: string): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return `02:42:${bytes.join(":")}`;
}
