import { formatError, isGantryError } from "../errors/gantry-error.ts";
import type { Endpoint, PortBinding, PortRequest } from "./endpoint.ts";
import { HostPorts } from "./host-ports.ts";
import { readPortRange } from "./host-settings.ts";
import { canBindIpv6, type HostPort, PortHold } from "./port-hold.ts";
import {
  type EndingProcess,
  listRelays,
  processEnded,
  type RunningRelay,
  relayCommandLines,
  type StartRelay,
  stopRelay,
} from "./relay.ts";

export interface PortKeeperOptions {
  readonly rootHash: string;
  /** Absent: ports are held by sockets of this process, for as long as it lives, and `::1` is not served. */
  readonly startRelay: StartRelay | undefined;
  readonly warn: (sentence: string) => void;
}

/** Keeps the host's ports of containers bound: at first by sockets of this process, then by relays, which outlive it. */
export class PortKeeper implements Disposable {
  readonly #options: PortKeeperOptions;
  readonly #ports: HostPorts;
  readonly #hasIpv6: boolean;
  readonly #holds = new Map<string, PortHold[]>();
  readonly #relays = new Map<string, RunningRelay[]>();
  /** Told to end: until they have, their ports are bound. */
  readonly #ending = new Set<EndingProcess>();

  constructor(options: PortKeeperOptions) {
    this.#options = options;
    this.#ports = new HostPorts(readPortRange());
    this.#hasIpv6 = canBindIpv6();
  }

  /** Resolves when all relays that were told to end have let go of their ports: to be waited for before `take`. */
  async settled(): Promise<void> {
    const ending = [...this.#ending];
    await Promise.all(ending.map(processEnded));
    for (const relay of ending) this.#ending.delete(relay);
  }

  /** Decides a container's ports and binds them in this process. @throws as `HostPorts.take` */
  take(containerId: string, requests: readonly PortRequest[], used: readonly HostPort[]): PortBinding[] {
    if (requests.length === 0) return [];
    const { bindings, holds } = this.#ports.take(requests, used);
    this.#releaseHolds(containerId);
    this.#holds.set(containerId, holds);
    return bindings;
  }

  /**
   * Hands a container's ports over to relays; resolves when they listen. Without relays, or where the helper knows none, the
   * sockets of this process stay.
   *
   * @throws `conflict` if another took a port meanwhile.
   */
  async handOver(endpoint: Endpoint): Promise<void> {
    const { startRelay } = this.#options;
    if (startRelay === undefined) return;
    this.#releaseHolds(endpoint.containerId);
    await Promise.all(this.#commandLines(endpoint).map((args) => this.#startRelay(endpoint, args, startRelay)));
  }

  #commandLines(endpoint: Endpoint): string[][] {
    return relayCommandLines(this.#options.rootHash, endpoint, { hasIpv6: this.#hasIpv6 });
  }

  async #startRelay(endpoint: Endpoint, args: readonly string[], startRelay: StartRelay): Promise<void> {
    try {
      const pid = await startRelay(args);
      this.#addRelay({ pid, containerId: endpoint.containerId, args });
    } catch (error) {
      if (!isGantryError(error, "unsupported")) throw error;
      this.#hold(endpoint);
    }
  }

  /** Binds an endpoint's ports in this process. */
  #hold(endpoint: Endpoint): void {
    this.#releaseHolds(endpoint.containerId);
    const holds: PortHold[] = [];
    this.#holds.set(endpoint.containerId, holds);
    for (const port of endpoint.ports) holds.push(PortHold.take(port));
  }

  /** Gives a container's ports up. Idempotent. */
  release(containerId: string): void {
    this.#releaseHolds(containerId);
    for (const relay of this.#relays.get(containerId) ?? []) this.#stop(relay);
    this.#relays.delete(containerId);
  }

  /**
   * After a restart: takes note of the relays that run, ends those of no endpoint, starts those that are missing. What cannot
   * be had back is said, and does not keep the rest from working.
   */
  async recover(endpoints: readonly Endpoint[]): Promise<void> {
    const { rootHash, startRelay, warn } = this.#options;
    this.#relays.clear();
    const wanted = endpoints.flatMap((endpoint) => this.#commandLines(endpoint).map((args) => ({ endpoint, args })));
    const running = new Set<string>();
    for (const relay of listRelays(rootHash)) {
      const key = relay.args.join(" ");
      if (running.has(key) || !wanted.some(({ args }) => args.join(" ") === key)) {
        this.#stop(relay);
        continue;
      }
      running.add(key);
      this.#addRelay(relay);
    }
    for (const { endpoint, args } of wanted) {
      if (running.has(args.join(" "))) continue;
      try {
        if (startRelay === undefined) this.#hold(endpoint);
        else await this.#startRelay(endpoint, args, startRelay);
      } catch (error) {
        warn(`published ports of container ${endpoint.containerId} are not kept: ${formatError(error)}`);
      }
    }
  }

  #stop(relay: RunningRelay): void {
    const ending = stopRelay(this.#options.rootHash, relay);
    if (ending !== undefined) this.#ending.add(ending);
  }

  #addRelay(relay: RunningRelay): void {
    this.#relays.set(relay.containerId, [...(this.#relays.get(relay.containerId) ?? []), relay]);
  }

  #releaseHolds(containerId: string): void {
    for (const hold of this.#holds.get(containerId) ?? []) hold[Symbol.dispose]();
    this.#holds.delete(containerId);
  }

  /** Closes this process's sockets; relays go on. */
  [Symbol.dispose](): void {
    for (const containerId of [...this.#holds.keys()]) this.#releaseHolds(containerId);
  }
}
