import { readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { formatError } from "../errors/gantry-error.ts";
import { NetworkNamespace } from "../linux/netlink/network-namespace.ts";
import type { EndpointPlace } from "./endpoint.ts";

/** A network namespace that is plugged into a network already, and nobody's yet. */
export interface Sandbox {
  readonly place: EndpointPlace;
  readonly namespace: NetworkNamespace;
}

export interface SpareSandboxesOptions {
  /** Where the next one is to be; undefined when there is no room. */
  readonly choosePlace: () => EndpointPlace | undefined;
  /** Plugs a fresh namespace in. On failure nothing is left on the host. */
  readonly plugIn: (sandbox: Sandbox) => void;
  readonly warn: (sentence: string) => void;
}

/**
 * How many are kept: as many as were taken within a while, in these bounds. Each has an address, two interfaces and some 100 KB
 * of the kernel's memory.
 */
const KEPT = { min: 2, max: 16 } as const;
const DEMAND_MS = 10_000;
/** Without a start or an end for this long, the next is made. */
const QUIET_MS = 8;

/**
 * Network namespaces made in advance, while nobody waits: a start that takes one saves the making of interfaces and, since
 * the ends of other containers hold the kernel's lock on all of them (rtnl) meanwhile, the wait for that.
 *
 * Bounded. None is made before the first start asks for one. They are this process's alone: when it dies, they go with it.
 */
export class SpareSandboxes implements Disposable {
  readonly #options: SpareSandboxesOptions;
  readonly #spares: Sandbox[] = [];
  /** When one was asked for, in the last while. */
  #demand: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #shrinking: NodeJS.Timeout | undefined;
  #isWanted = false;
  #isOff = false;

  constructor(options: SpareSandboxesOptions) {
    this.#options = options;
  }

  /** What must not be given to anybody else. */
  places(): readonly EndpointPlace[] {
    return this.#spares.map((spare) => spare.place);
  }

  /** One that is still as it was made, in the network that this bridge is of; the caller's from now on. */
  take(bridge: string): Sandbox | undefined {
    this.#isWanted = true;
    this.#demand.push(performance.now());
    this.stir();
    for (;;) {
      const spare = this.#spares.shift();
      if (spare === undefined || isPluggedInto(spare.place.hostInterface, bridge)) return spare;
      this.#drop(spare);
    }
  }

  /** Something was started or has ended: no good moment to make one, but soon. */
  stir(): void {
    if (!this.#isWanted || this.#isOff || this.#spares.length >= this.#wanted()) return;
    this.#timer?.refresh();
    this.#timer ??= setTimeout(() => this.#add(), QUIET_MS).unref();
  }

  #wanted(): number {
    const since = performance.now() - DEMAND_MS;
    this.#demand = this.#demand.filter((at) => at > since).slice(-KEPT.max);
    return Math.max(KEPT.min, this.#demand.length);
  }

  /** Gives up what is no longer asked for. */
  #shrink(): void {
    this.#shrinking = undefined;
    for (const spare of this.#spares.splice(this.#wanted())) this.#drop(spare);
    if (this.#spares.length > KEPT.min) this.#shrinkLater();
  }

  #shrinkLater(): void {
    this.#shrinking ??= setTimeout(() => this.#shrink(), DEMAND_MS).unref();
  }

  /** Removes all that nobody has taken, and makes no more. Idempotent. */
  [Symbol.dispose](): void {
    this.#isOff = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#shrinking);
    for (const spare of this.#spares.splice(0)) this.#drop(spare);
  }

  #add(): void {
    this.#timer = undefined;
    const place = this.#options.choosePlace();
    if (this.#isOff || place === undefined) return;
    try {
      this.#spares.push(this.#make(place));
      if (this.#spares.length > KEPT.min) this.#shrinkLater();
      this.stir();
    } catch (error) {
      // Starts go on without.
      this.#isOff = true;
      this.#options.warn(`no network namespaces are made in advance: ${formatError(error)}`);
    }
  }

  #make(place: EndpointPlace): Sandbox {
    const spare = { place, namespace: NetworkNamespace.create() };
    try {
      this.#options.plugIn(spare);
      return spare;
    } catch (error) {
      spare.namespace[Symbol.dispose]();
      throw error;
    }
  }

  /** With the namespace go its interfaces, in the kernel's background. */
  #drop({ namespace }: Sandbox): void {
    namespace[Symbol.dispose]();
  }
}

/** Whether an interface is a port of a bridge that is up. By sysfs, which does not wait for rtnl. */
function isPluggedInto(name: string, bridge: string): boolean {
  try {
    const isUp = (Number(readFileSync(`/sys/class/net/${bridge}/flags`, "latin1")) & 1) === 1;
    return isUp && basename(readlinkSync(`/sys/class/net/${name}/master`)) === bridge;
  } catch {
    return false;
  }
}
