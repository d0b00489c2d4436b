import { GantryError } from "../errors/gantry-error.ts";
import { formatIpv4, type Ipv4Number, parseIpv4 } from "../linux/netlink/ipv4-address.ts";

/** An IPv4 subnet. */
export interface Subnet {
  /** Its first address. */
  readonly address: Ipv4Number;
  readonly prefixLength: number;
}

/** How many addresses a prefix of this length spans. */
export function subnetSize(prefixLength: number): number {
  return 2 ** (32 - prefixLength);
}

/** The subnet that an address with a prefix length lies in. */
export function subnetOf(address: Ipv4Number, prefixLength: number): Subnet {
  const size = subnetSize(prefixLength);
  return { address: Math.floor(address / size) * size, prefixLength };
}

/** The subnet of a text like `172.17.0.0/16`. @throws `invalid-argument` for anything else, host bits included. */
export function parseSubnet(text: string): Subnet {
  const match = /^([0-9.]+)\/([0-9]{1,2})$/.exec(text);
  const address = parseIpv4(match?.[1] ?? "");
  const prefixLength = Number(match?.[2] ?? 33);
  if (address === undefined || prefixLength > 32)
    throw new GantryError("invalid-argument", `not an IPv4 subnet: "${text}"`, { hint: "write it like 172.20.0.0/16" });
  const subnet = subnetOf(address, prefixLength);
  if (subnet.address !== address)
    throw new GantryError("invalid-argument", `"${text}" is an address within ${formatSubnet(subnet)}, not a subnet`);
  return subnet;
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIpv4(subnet.address)}/${subnet.prefixLength}`;
}

/** True if the two have an address in common. */
export function overlaps(left: Subnet, right: Subnet): boolean {
  const shorter = Math.min(left.prefixLength, right.prefixLength);
  return subnetOf(left.address, shorter).address === subnetOf(right.address, shorter).address;
}

/** True if the address lies in the subnet. */
export function contains(subnet: Subnet, address: Ipv4Number): boolean {
  return subnetOf(address, subnet.prefixLength).address === subnet.address;
}

/** Docker's pools (moby `ipamutils`): sixteen bits from 172.17 to 172.31, then twenty bits from 192.168. */
const POOLS: readonly { readonly base: string; readonly size: number }[] = [
  { base: "172.17.0.0/16", size: 16 },
  { base: "172.18.0.0/16", size: 16 },
  { base: "172.19.0.0/16", size: 16 },
  { base: "172.20.0.0/14", size: 16 },
  { base: "172.24.0.0/14", size: 16 },
  { base: "172.28.0.0/14", size: 16 },
  { base: "192.168.0.0/16", size: 20 },
];

/** Every subnet that a network may get, in the order of preference. */
export function listPoolSubnets(): Subnet[] {
  return POOLS.flatMap(({ base, size }) => {
    const pool = parseSubnet(base);
    const count = 2 ** (size - pool.prefixLength);
    return Array.from({ length: count }, (_, index) => ({
      address: pool.address + index * subnetSize(size),
      prefixLength: size,
    }));
  });
}

/** The first subnet of the pools that has nothing in common with `taken`. @throws `exhausted` */
export function chooseSubnet(taken: readonly Subnet[]): Subnet {
  const free = listPoolSubnets().find((candidate) => !taken.some((other) => overlaps(candidate, other)));
  if (free === undefined)
    throw new GantryError("exhausted", "all predefined address pools have been fully subnetted", {
      hint: "remove networks that are not needed",
    });
  return free;
}

/**
 * The next address to give: the first free one after `previous`, around the end; so an address that was freed is not given
 * again at once, while others may still remember it (ARP caches, connection tracking).
 *
 * @param inUse besides the subnet's first address and its broadcast, which are never given.
 * @throws `exhausted`
 */
export function chooseAddress(
  subnet: Subnet,
  inUse: ReadonlySet<Ipv4Number>,
  options: { readonly previous: Ipv4Number | undefined },
): Ipv4Number {
  const size = subnetSize(subnet.prefixLength);
  const start = options.previous === undefined ? 0 : options.previous - subnet.address;
  for (let step = 1; step <= size; step++) {
    const offset = (start + step) % size;
    const candidate = subnet.address + offset;
    if (offset !== 0 && offset !== size - 1 && !inUse.has(candidate)) return candidate;
  }
  throw new GantryError(
    "exhausted",
    `no available IPv4 addresses on this network's address pool: ${formatSubnet(subnet)}`,
  );
}
