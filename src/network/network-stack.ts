import { formatError, GantryError, isGantryError } from "../errors/gantry-error.ts";
import { findLink, type Link, setLink } from "../linux/netlink/link.ts";
import { NetlinkSocket } from "../linux/netlink/netlink-socket.ts";
import { NetworkNamespace } from "../linux/netlink/network-namespace.ts";
import { ensureBridge, listHostSubnets, removeUnknownLinks } from "./bridge.ts";
import { DEFAULT_NETWORK, planDefaultNetwork } from "./default-network.ts";
import { describeNetworks, findNetwork } from "./describe-networks.ts";
import type { Endpoint, EndpointPlace, NetworkDescription, PortRequest } from "./endpoint.ts";
import { chooseEndpointAddress } from "./endpoint-address.ts";
import { Firewall } from "./firewall.ts";
import { withHostLock } from "./host-lock.ts";
import { setNetworkParameter } from "./host-settings.ts";
import { LeavingInterfaces } from "./leaving-interfaces.ts";
import { chooseInterfaceName, type HostNames, hostNames, macOf } from "./names.ts";
import type { NetworkRecord, NetworkRecords } from "./network-records.ts";
import { plugIn, raiseLoopback, unplug } from "./plug.ts";
import { PortKeeper } from "./port-keeper.ts";
import type { StartRelay } from "./relay.ts";
import { type Sandbox, SpareSandboxes } from "./spare-sandboxes.ts";
import { parseSubnet } from "./subnet.ts";

const DEFAULT_LOCK_PATH = "/run/gantry-net.lock";
/** What interfaces are labelled with that wait for a container. */
const SPARE_ALIAS = "spare";
const NAME_OWNER_MS = 100;

export interface NetworkStackOptions {
  readonly records: NetworkRecords;
  /** Eight hex digits: all names on the host derive from it. */
  readonly rootHash: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Absent: published ports are held by this process, and `::1` is not served. */
  readonly startRelay?: StartRelay;
  /** Takes one sentence about what a user should know: another firewall in the way, a port that was lost. */
  readonly warn?: (sentence: string) => void;
  /** Under this file's lock subnets are chosen. @default /run/gantry-net.lock */
  readonly lockPath?: string;
}

export interface AllocateOptions {
  readonly network: string;
  readonly hostname: string;
  readonly aliases?: readonly string[];
  readonly ports: readonly PortRequest[];
  /** @default made from the address */
  readonly mac?: string;
  /** An address that the container insists on; not in the default network. */
  readonly requestedAddress?: string;
  /**
   * A network namespace that was made in advance will do: `sandbox` then tells whether there is one.
   *
   * @default false
   */
  readonly takesSandbox?: boolean;
}

/** A container's process whose network namespace is to be connected. */
export interface RunningContainer {
  readonly containerId: string;
  readonly pid: number;
}

/** One daemon's networking: its bridges, its table of rules, its containers' endpoints and published ports. */
export class NetworkStack implements Disposable {
  readonly #options: NetworkStackOptions;
  readonly #names: HostNames;
  readonly #warn: (sentence: string) => void;
  readonly #records: NetworkRecords;
  readonly #firewall: Firewall;
  readonly #keeper: PortKeeper;
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #leaving = new LeavingInterfaces();
  readonly #spares: SpareSandboxes;
  /** Until their containers' processes are in them. */
  readonly #sandboxes = new Map<string, Sandbox>();
  #socket: NetlinkSocket | undefined;

  constructor(options: NetworkStackOptions) {
    const warn = options.warn ?? (() => {});
    this.#warn = warn;
    this.#options = options;
    this.#names = hostNames(options.rootHash);
    this.#records = options.records;
    this.#keeper = new PortKeeper({ rootHash: options.rootHash, startRelay: options.startRelay, warn });
    const state = () => ({ networks: [...this.#networks.values()], endpoints: [...this.#endpoints.values()] });
    this.#firewall = new Firewall(this.#names, { state, warn });
    this.#spares = new SpareSandboxes({
      choosePlace: () => this.#chooseSparePlace(),
      plugIn: ({ place, namespace }) =>
        plugIn(this.#host, place, { bridge: this.#bridge(place), namespace, alias: SPARE_ALIAS }),
      warn,
    });
  }

  get #host(): NetlinkSocket {
    this.#socket ??= NetlinkSocket.open("route");
    return this.#socket;
  }

  /**
   * Makes what is missing on the host: the default network's bridge, the rules, forwarding. Idempotent; what runs goes on
   * undisturbed. Afterwards `recover` is to be called once.
   */
  async open(): Promise<void> {
    for (const network of this.#records.listNetworks()) this.#networks.set(network.name, network);
    for (const endpoint of this.#records.listEndpoints()) this.#endpoints.set(endpoint.containerId, endpoint);
    await withHostLock(this.#options.lockPath ?? DEFAULT_LOCK_PATH, () => {
      this.#ensureDefaultNetwork();
      for (const network of this.#networks.values()) ensureBridge(this.#host, network);
    });
    setNetworkParameter("ipv4/ip_forward", "1");
    this.#firewall.apply();
  }

  /** Chooses the default network's subnet if it has none, or if the one it had is in use elsewhere by now (a VPN, a dockerd). */
  #ensureDefaultNetwork(): void {
    const recorded = this.#networks.get(DEFAULT_NETWORK);
    const bridge = recorded?.bridge ?? `${this.#names.bridgePrefix}0`;
    const link = findLink(this.#host, { name: bridge });
    const taken = listHostSubnets(this.#host, link);
    const isInUse = link !== undefined || this.#endpoints.size > 0;
    const network = planDefaultNetwork(recorded, {
      names: this.#names,
      bridge,
      taken,
      isInUse,
      nowMs: this.#options.now(),
    });
    if (network === undefined) return;
    this.#records.saveNetwork(network);
    this.#networks.set(network.name, network);
  }

  /** Closes sockets. Containers, rules and relays go on. Idempotent. */
  close(): void {
    this.#spares[Symbol.dispose]();
    this.#leaving.flush();
    this.#keeper[Symbol.dispose]();
    this.#firewall[Symbol.dispose]();
    this.#socket?.[Symbol.dispose]();
    this.#socket = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes everything of this root off the host: interfaces, bridges, rules, relays. Records stay; `open` makes all anew.
   * Running containers lose their network.
   */
  async removeAll(): Promise<void> {
    this.#spares[Symbol.dispose]();
    this.#leaving.flush();
    await this.#keeper.recover([]);
    for (const containerId of this.#endpoints.keys()) this.#keeper.release(containerId);
    removeUnknownLinks(this.#host, this.#names.interfacePrefix, new Set());
    removeUnknownLinks(this.#host, this.#names.bridgePrefix, new Set());
    this.#firewall.remove();
  }

  /**
   * Makes an endpoint for a container: address, names, and its host ports, bound from now on. Recorded. One that the container
   * had before is released first.
   *
   * @throws `not-found` for the network; `conflict` for a port (in Docker's words) or address that is taken;
   * `exhausted`; `invalid-argument`.
   */
  async allocate(containerId: string, options: AllocateOptions): Promise<Endpoint> {
    if (this.#endpoints.has(containerId)) await this.release(containerId);
    // The only wait: what is free is decided and recorded in one go.
    if (options.ports.length > 0) await this.#keeper.settled();
    const network = this.#network(options.network);
    const mac = parseMac(options.mac);
    const used = [...this.#endpoints.values()].flatMap((endpoint) => endpoint.ports);
    const ports = this.#keeper.take(containerId, options.ports, used);
    const isUsual = options.takesSandbox === true && mac === undefined && !options.requestedAddress;
    const sandbox = isUsual && network.name === DEFAULT_NETWORK ? this.#spares.take(network.bridge) : undefined;
    const place = sandbox?.place ?? this.#choosePlace(network, containerId, options.requestedAddress);
    const endpoint: Endpoint = {
      ...place,
      ...(mac === undefined ? {} : { mac }),
      containerId,
      hostname: options.hostname,
      aliases: options.aliases ?? [],
      dns: [],
      ports,
    };
    try {
      this.#records.saveEndpoint(endpoint);
    } catch (error) {
      this.#keeper.release(containerId);
      sandbox?.namespace[Symbol.dispose]();
      throw error;
    }
    this.#endpoints.set(containerId, endpoint);
    if (sandbox !== undefined) this.#sandboxes.set(containerId, sandbox);
    return endpoint;
  }

  /** Where a next endpoint is to be. The address is not chosen again soon, whether it is used or not. */
  #choosePlace(network: NetworkRecord, owner: string, requestedAddress?: string): EndpointPlace {
    const others = [...this.#endpoints.values(), ...this.#spares.places()];
    const address = chooseEndpointAddress(network, others, requestedAddress);
    const takenNames = new Set([...others.map((other) => other.hostInterface), ...this.#leaving.names()]);
    this.#networks.set(network.name, { ...network, lastAddress: address });
    return {
      network: network.name,
      ifname: "eth0",
      address,
      prefixLength: parseSubnet(network.subnet).prefixLength,
      gateway: network.gateway,
      mac: macOf(address),
      hostInterface: chooseInterfaceName(this.#names, owner, takenNames),
    };
  }

  #chooseSparePlace(): EndpointPlace | undefined {
    const network = this.#networks.get(DEFAULT_NETWORK);
    if (network === undefined) return undefined;
    try {
      return this.#choosePlace(network, SPARE_ALIAS);
    } catch (error) {
      if (isGantryError(error, "exhausted")) return undefined;
      throw error;
    }
  }

  /** The path of a network namespace that a container's process is to join, plugged in already, if its endpoint came with one. */
  sandbox(containerId: string): string | undefined {
    const sandbox = this.#sandboxes.get(containerId);
    return sandbox && `/proc/${process.pid}/fd/${sandbox.namespace.descriptor}`;
  }

  /** The container's process is in its network namespace, which from now on lives as long as that. Idempotent. */
  letGo(containerId: string): void {
    const sandbox = this.#sandboxes.get(containerId);
    if (sandbox === undefined) return;
    this.#sandboxes.delete(containerId);
    sandbox.namespace[Symbol.dispose]();
  }

  #network(name: string): NetworkRecord {
    const network = [...this.#networks.values()].find((one) => one.name === name || one.id === name);
    if (network === undefined) throw new GantryError("not-found", `network ${name} not found`);
    return network;
  }

  /**
   * Plugs an endpoint into the network namespace of a process, and publishes its ports. On failure nothing is plugged in and
   * nothing published; the endpoint stays, to be released.
   */
  async connect(endpoint: Endpoint, pid: number): Promise<void> {
    const relays = this.#keeper.handOver(endpoint);
    try {
      if (this.#sandboxes.has(endpoint.containerId)) this.#nameOwner(endpoint);
      else this.#plugIn(endpoint, pid);
      this.#firewall.passForeign();
    } catch (error) {
      // The relays' own failure, if any, says less.
      await relays.catch(() => {});
      this.#disconnect(endpoint);
      throw error;
    }
    try {
      await relays;
      if (endpoint.ports.length > 0) this.#firewall.publish(endpoint);
    } catch (error) {
      this.#disconnect(endpoint);
      throw error;
    }
  }

  #plugIn(endpoint: Endpoint, pid: number): void {
    using namespace = NetworkNamespace.ofProcess(pid);
    plugIn(this.#host, endpoint, { bridge: this.#bridge(endpoint), namespace, alias: endpoint.containerId });
  }

  /** After the start, which need not wait for it: the kernel's lock on interfaces is taken by every container that ends. */
  #nameOwner(endpoint: Endpoint): void {
    const { containerId: alias, hostInterface: name } = endpoint;
    setTimeout(() => {
      if (this.#endpoints.has(alias)) this.#socket?.tryPerform([setLink({ name }, { alias })]);
    }, NAME_OWNER_MS).unref();
  }

  /** The endpoint's bridge; made again if someone removed it. */
  #bridge(endpoint: EndpointPlace): Link {
    const network = this.#network(endpoint.network);
    const link = findLink(this.#host, { name: network.bridge });
    return link?.isUp === true ? link : ensureBridge(this.#host, network);
  }

  #disconnect(endpoint: Endpoint): void {
    this.#keeper.release(endpoint.containerId);
    unplug(this.#host, endpoint);
  }

  /** For a container without a network: only its loopback works. */
  loopback(pid: number): void {
    using namespace = NetworkNamespace.ofProcess(pid);
    raiseLoopback(namespace);
  }

  /**
   * Unpublishes a container's ports, frees its address and removes its interfaces. Idempotent. The interfaces go shortly
   * after: mostly with the container's namespace, by itself.
   */
  async release(containerId: string): Promise<void> {
    const endpoint = this.#endpoints.get(containerId);
    if (endpoint === undefined) return;
    this.#endpoints.delete(containerId);
    this.letGo(containerId);
    this.#spares.stir();
    if (endpoint.ports.length > 0) this.#firewall.unpublish(endpoint);
    this.#keeper.release(containerId);
    this.#records.deleteEndpoints(containerId);
    this.#leaving.add(endpoint.hostInterface, () => this.#unplugLate(endpoint));
  }

  /** Nobody waits for this: what fails is said, and the next recovery finds the interface. */
  #unplugLate(endpoint: Endpoint): void {
    try {
      unplug(this.#host, endpoint);
    } catch (error) {
      this.#warn(`the interface ${endpoint.hostInterface} of a container that ended is left: ${formatError(error)}`);
    }
  }

  /**
   * After a restart of the daemon: releases the endpoints of what does not run any more, removes what is listed on the host
   * under our names but not known, and restores what the running ones lack.
   */
  async recover(running: readonly RunningContainer[]): Promise<void> {
    const pids = new Map(running.map(({ containerId, pid }) => [containerId, pid]));
    for (const containerId of [...this.#endpoints.keys()]) {
      if (!pids.has(containerId)) await this.release(containerId);
    }
    this.#leaving.flush();
    const endpoints = [...this.#endpoints.values()];
    const known = new Set(endpoints.map((endpoint) => endpoint.hostInterface));
    removeUnknownLinks(this.#host, this.#names.interfacePrefix, known);
    const bridges = new Set([...this.#networks.values()].map((network) => network.bridge));
    removeUnknownLinks(this.#host, this.#names.bridgePrefix, bridges);
    for (const endpoint of endpoints) {
      try {
        this.#restore(endpoint, pids.get(endpoint.containerId));
      } catch (error) {
        // One that has just ended has no namespace any more: its end is about to be recorded.
        if (!isGantryError(error, "not-found"))
          this.#warn(`the network of container ${endpoint.containerId} is not restored: ${formatError(error)}`);
      }
    }
    await this.#keeper.recover(endpoints);
    this.#firewall.apply();
  }

  #restore(endpoint: Endpoint, pid: number | undefined): void {
    const bridge = this.#bridge(endpoint);
    const link = findLink(this.#host, { name: endpoint.hostInterface });
    if (link !== undefined && link.alias !== endpoint.containerId) this.#nameOwner(endpoint);
    if (link === undefined && pid !== undefined) this.#plugIn(endpoint, pid);
    else if (link !== undefined && link.master !== bridge.index) {
      // The bridge was removed and made again meanwhile.
      const { index } = link;
      this.#host.perform([
        setLink({ index }, { master: bridge.index }),
        setLink({ index }, { isUp: true, isHairpin: true }),
      ]);
    }
  }

  /**
   * Lets others' firewalls pass our packets again where one of them was set up since (a dockerd that started later). Takes
   * a fraction of a millisecond when there is nothing to do; to be called now and then.
   */
  refreshFirewall(): void {
    this.#firewall.passForeign();
  }

  /** A container's endpoint, while it has one. */
  endpoint(containerId: string): Endpoint | undefined {
    return this.#endpoints.get(containerId);
  }

  /** Every network, the host's own and none included. */
  list(): NetworkDescription[] {
    return describeNetworks(this.#names, [...this.#networks.values()], [...this.#endpoints.values()]);
  }

  /**
   * One network by its name, its id, or the beginning of its id where no other's begins so.
   *
   * @throws `not-found`; `invalid-argument` for an ambiguous beginning.
   */
  inspect(name: string): NetworkDescription {
    return findNetwork(this.list(), name);
  }
}

function parseMac(mac: string | undefined): string | undefined {
  if (mac === undefined || mac === "") return undefined;
  const isUnicast = /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(mac) && !/^00(:00){5}$/.test(mac);
  if (!isUnicast) throw new GantryError("invalid-argument", `invalid MAC address: ${mac}`);
  return mac.toLowerCase();
}
