import { readFileSync } from "node:fs";
import { isGantryError } from "../errors/gantry-error.ts";
import { formatIpv4 } from "../linux/netlink/ipv4-address.ts";
import { NftSocket } from "../linux/nft/nft-socket.ts";
import type { Endpoint } from "./endpoint.ts";
import { buildRuleset, publishedElements } from "./firewall-rules.ts";
import { closeForeignFirewall, describeLegacyFirewall, openForeignFirewall } from "./foreign-firewall.ts";
import type { HostNames } from "./names.ts";
import type { NetworkRecord } from "./network-records.ts";
import { parseSubnet } from "./subnet.ts";

/** What the firewall is to be made of, at any moment. */
export interface FirewallState {
  readonly networks: readonly NetworkRecord[];
  readonly endpoints: readonly Endpoint[];
}

/** One daemon's nftables table, and its rules in others' tables. */
export class Firewall implements Disposable {
  readonly #names: HostNames;
  readonly #state: () => FirewallState;
  readonly #warn: (sentence: string) => void;
  readonly #warned = new Set<string>();
  #socket: NftSocket | undefined;
  /** The ruleset that others' firewalls were last looked at in. */
  #passedGeneration: number | undefined;

  constructor(
    names: HostNames,
    options: { readonly state: () => FirewallState; readonly warn: (sentence: string) => void },
  ) {
    this.#names = names;
    this.#state = options.state;
    this.#warn = options.warn;
  }

  get #nft(): NftSocket {
    this.#socket ??= NftSocket.open();
    return this.#socket;
  }

  /** Writes the whole table from the state, atomically, and lets others' firewalls pass our packets. Idempotent. */
  apply(): void {
    const { networks, endpoints } = this.#state();
    const bridges = networks.map((network) => {
      const { address, prefixLength } = parseSubnet(network.subnet);
      return { bridge: network.bridge, subnetAddress: formatIpv4(address), prefixLength };
    });
    this.#nft.apply(buildRuleset(this.#names.table, bridges, endpoints));
    this.passForeign();
    this.#warnOnce(describeLegacyFirewall(readLegacyTables(), this.#names));
  }

  /** Lets others' firewalls pass our packets: dockerd may have started after us. Idempotent, and quick when nothing changed. */
  passForeign(): void {
    const generation = this.#nft.generation();
    if (generation !== undefined && generation === this.#passedGeneration) return;
    const { table, bridgePrefix } = this.#names;
    for (const sentence of openForeignFirewall(this.#nft, { comment: table, bridgePrefix })) this.#warnOnce(sentence);
    this.#passedGeneration = generation;
  }

  /** Publishes an endpoint's ports: adds to the maps only. Idempotent. */
  publish(endpoint: Endpoint): void {
    this.#change("add", endpoint);
  }

  /** Takes an endpoint's ports out of the maps. The state must not hold the endpoint any more. Idempotent. */
  unpublish(endpoint: Endpoint): void {
    this.#change("delete", endpoint);
    // TCP ends by itself; UDP has no end.
    if (endpoint.ports.some((port) => port.protocol === "udp")) this.#nft.forgetConnections(endpoint.address);
  }

  #change(op: "add" | "delete", endpoint: Endpoint): void {
    const changes = publishedElements([endpoint]).map((set) => ({ op, set, elements: set.elements }));
    try {
      this.#nft.changeElements(this.#names.table, changes);
    } catch (error) {
      // Someone flushed the ruleset, or it holds something else than we believe: the whole table is written from the state.
      if (!isGantryError(error, "not-found") && !isGantryError(error, "already-exists")) throw error;
      this.apply();
    }
  }

  /** Takes everything of ours out of the kernel. Idempotent. */
  remove(): void {
    closeForeignFirewall(this.#nft, { comment: this.#names.table });
    this.#nft.deleteTable(this.#names.table);
  }

  #warnOnce(sentence: string | undefined): void {
    if (sentence === undefined || this.#warned.has(sentence)) return;
    this.#warned.add(sentence);
    this.#warn(sentence);
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }
}

/** The tables that iptables-legacy has loaded; none where it is not there. */
function readLegacyTables(): string {
  try {
    return readFileSync("/proc/net/ip_tables_names", "utf8");
  } catch {
    return "";
  }
}
