import { GantryError } from "../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../platform/errno.ts";
import { SYS, syscall } from "../platform/libc.ts";
import type { PortBinding } from "./endpoint.ts";
import { EVERY_ADDRESS } from "./firewall-rules.ts";
import { encodeSocketAddress } from "./socket-address.ts";

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** A host port of a published port. */
export type HostPort = Pick<PortBinding, "protocol" | "hostAddress" | "hostPort">;

/** `0.0.0.0:8080`, `[::1]:8080` */
export function formatHostPort(port: HostPort): string {
  const address = port.hostAddress.includes(":") ? `[${port.hostAddress}]` : port.hostAddress;
  return `${address}:${port.hostPort}`;
}

/** In Docker's words, which tools look for. */
export function portTaken(port: HostPort): GantryError {
  return new GantryError("conflict", `Bind for ${formatHostPort(port)} failed: port is already allocated`, {
    hint: "stop what uses the port, or publish on another one",
  });
}

/** True if two published ports cannot both be had: the same port of the same protocol, and an address in common. */
export function isSameHostPort(left: HostPort, right: HostPort): boolean {
  if (left.protocol !== right.protocol || left.hostPort !== right.hostPort) return false;
  const isEverywhere = (port: HostPort): boolean => port.hostAddress === EVERY_ADDRESS || port.hostAddress === "::";
  return isEverywhere(left) || isEverywhere(right) || left.hostAddress === right.hostAddress;
}

/**
 * A bound socket that keeps a host port for us. Rewriting destinations needs no socket, so that without one the kernel would
 * let others have the port, and lose their connections to the container.
 */
export class PortHold implements Disposable {
  readonly port: HostPort;
  /** Every address of IPv6 is bound beside those of IPv4. */
  readonly isOnIpv6: boolean;
  readonly #descriptor: number;
  #isReleased = false;

  private constructor(port: HostPort, descriptor: number, isOnIpv6: boolean) {
    this.port = port;
    this.isOnIpv6 = isOnIpv6;
    this.#descriptor = descriptor;
  }

  /**
   * Binds; every address is bound for IPv4 and IPv6 at once, on a host without IPv6 for IPv4.
   *
   * @throws `conflict` in Docker's words if another has the port; `invalid-argument` if the host has no such address.
   */
  static take(port: HostPort): PortHold {
    if (port.hostAddress !== EVERY_ADDRESS) return PortHold.#bind(port, port.hostAddress);
    try {
      return PortHold.#bind(port, "::");
    } catch (error) {
      if (error instanceof GantryError && error.code === "unsupported") return PortHold.#bind(port, EVERY_ADDRESS);
      throw error;
    }
  }

  static #bind(port: HostPort, address: string): PortHold {
    const { family, bytes } = encodeSocketAddress(address, port.hostPort);
    const type = port.protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM;
    const descriptor = syscall(SYS.socket, family, type | SOCK_CLOEXEC, 0);
    if (descriptor < 0) throw bindFailure(port, -descriptor);
    const isDual = address === "::" && port.hostAddress === EVERY_ADDRESS;
    if (address.includes(":"))
      syscall(SYS.setsockopt, descriptor, IPPROTO_IPV6, IPV6_V6ONLY, Int32Array.of(isDual ? 0 : 1), 4);
    // For TCP: connections that are only waiting for their end do not keep a port; for UDP it would allow two owners.
    if (port.protocol === "tcp") syscall(SYS.setsockopt, descriptor, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4);
    const result = syscall(SYS.bind, descriptor, bytes, bytes.length);
    if (result === 0) return new PortHold(port, descriptor, isDual);
    syscall(SYS.close, descriptor);
    throw bindFailure(port, -result);
  }

  /** Lets go of the port. Idempotent. */
  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    syscall(SYS.close, this.#descriptor);
  }
}

/** True if this host lets sockets listen on IPv6's "every address". */
export function canBindIpv6(): boolean {
  try {
    using _ = PortHold.take({ protocol: "tcp", hostAddress: "::", hostPort: 0 });
    return true;
  } catch {
    return false;
  }
}

function bindFailure(port: HostPort, errno: number): GantryError {
  const message = `Bind for ${formatHostPort(port)} failed: ${describeErrno(errno)}`;
  switch (errno) {
    case ERRNO.EADDRINUSE:
      return portTaken(port);
    case ERRNO.EADDRNOTAVAIL:
      // Of "::" it says that IPv6 is switched off.
      return port.hostAddress === EVERY_ADDRESS
        ? new GantryError("unsupported", message)
        : new GantryError("invalid-argument", message, { hint: "publish on an address that this host has" });
    case ERRNO.EAFNOSUPPORT:
      return new GantryError("unsupported", message, { hint: "this host has no IPv6" });
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return new GantryError("permission-denied", message, { hint: "ports below 1024 need CAP_NET_BIND_SERVICE" });
    default:
      return new GantryError("internal", message);
  }
}
