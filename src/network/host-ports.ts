import { isIP } from "node:net";
import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import type { PortBinding, PortRequest } from "./endpoint.ts";
import { EVERY_ADDRESS } from "./firewall-rules.ts";
import type { PortRange } from "./host-settings.ts";
import { type HostPort, isSameHostPort, PortHold, portTaken } from "./port-hold.ts";

/** A port request without what may be left out. @throws `invalid-argument` */
export function parsePortRequest(request: PortRequest): PortBinding {
  const { containerPort, protocol, hostPort = 0 } = request;
  const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65535;
  if (!isPort(containerPort) || containerPort === 0)
    throw new GantryError("invalid-argument", `invalid container port: ${containerPort}`);
  if (!isPort(hostPort)) throw new GantryError("invalid-argument", `invalid host port: ${hostPort}`);
  const address = (request.hostAddress ?? "").replace(/^\[(.*)\]$/, "$1");
  const hostAddress = address === "" ? EVERY_ADDRESS : address;
  if (isIP(hostAddress) === 0 || hostAddress.includes("%"))
    throw new GantryError("invalid-argument", `invalid host address of a published port: "${hostAddress}"`);
  return { containerPort, protocol, hostAddress, hostPort };
}

/** The host's ports that containers have, and those that are about to. */
export class HostPorts {
  readonly #range: PortRange;
  #cursor: number;

  constructor(range: PortRange) {
    this.#range = range;
    this.#cursor = range.first;
  }

  /**
   * Decides and holds every port of a container: all of them, or none.
   *
   * @param used those of other containers: their sockets may be relays', whose binding another address would not meet.
   * @throws `conflict` in Docker's words; `invalid-argument`; `exhausted` when there is no port left to choose.
   */
  take(requests: readonly PortRequest[], used: readonly HostPort[]): { bindings: PortBinding[]; holds: PortHold[] } {
    const bindings: PortBinding[] = [];
    const holds: PortHold[] = [];
    try {
      // Those with a number first: a chosen port must not be one that is asked for.
      const parsed = requests.map(parsePortRequest);
      const order = parsed.toSorted((left, right) => Number(left.hostPort === 0) - Number(right.hostPort === 0));
      const decided = new Map<PortBinding, PortBinding>();
      for (const binding of order) {
        const others = [...used, ...decided.values()];
        const hold = binding.hostPort === 0 ? this.#choose(binding, others) : takeGiven(binding, others);
        holds.push(hold);
        const { hostPort } = hold.port;
        decided.set(binding, { ...binding, hostPort, ...(hold.isOnIpv6 ? { isOnIpv6: true } : {}) });
      }
      for (const binding of parsed) bindings.push(decided.get(binding) ?? binding);
      return { bindings, holds };
    } catch (error) {
      for (const hold of holds) hold[Symbol.dispose]();
      throw error;
    }
  }

  /** Goes through the range once, from after the port that was chosen last. */
  #choose(binding: PortBinding, others: readonly HostPort[]): PortHold {
    const { first, last } = this.#range;
    for (let step = first; step <= last; step++) {
      const hostPort = this.#cursor;
      this.#cursor = hostPort >= last ? first : hostPort + 1;
      try {
        return takeGiven({ ...binding, hostPort }, others);
      } catch (error) {
        if (!isGantryError(error, "conflict")) throw error;
      }
    }
    throw new GantryError("exhausted", `no host port between ${first} and ${last} is left to publish on`);
  }
}

function takeGiven(port: PortBinding, others: readonly HostPort[]): PortHold {
  if (others.some((other) => isSameHostPort(other, port))) throw portTaken(port);
  return PortHold.take(port);
}
