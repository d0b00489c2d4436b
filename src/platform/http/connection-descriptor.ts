import type { Socket } from "node:net";
import { ERRNO } from "../errno.ts";
import { SYS, syscall } from "../libc.ts";

/** Room for any socket's address (sockaddr_in6 has 28 bytes). */
const ADDRESS_BYTES = 32;
const AF_INET = 2;
const AF_INET6 = 10;
const F_DUPFD_CLOEXEC = 1030;

/** After so many descriptors that are no connections none is looked for: files of uploads can stand in a row. */
const HOLES_MAX = 1024;

/** Where the kernel writes an end: thousands are asked for in a row. */
const address = new Uint8Array(ADDRESS_BYTES);
const length = new Uint32Array(1);

/** One end of a socket as the kernel has it, until the next one is asked for; empty if the descriptor is none. */
function endOf(call: number, fd: number): Uint8Array {
  length[0] = ADDRESS_BYTES;
  return syscall(call, fd, address, length) === 0 ? address.subarray(0, length[0]) : new Uint8Array();
}

/** As `URL` writes addresses: there is one way for each. Undefined for what is none. */
function canonical(address: string): string | undefined {
  const text = `http://${address.includes(":") ? `[${address}]` : address}`;
  return URL.canParse(text) ? new URL(text).hostname : undefined;
}

/** `ADDRESS PORT` of a socket's address (ip(7), ipv6(7)). */
function describe(end: Uint8Array): string | undefined {
  const view = new DataView(end.buffer, end.byteOffset, end.byteLength);
  const family = end.byteLength < 16 ? 0 : view.getUint16(0, true);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  if (family === AF_INET) return `${canonical(end.subarray(4, 8).join("."))} ${view.getUint16(2)}`;
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(8 + 2 * index).toString(16));
  return `${canonical(groups.join(":"))} ${view.getUint16(2)}`;
}

/**
 * A descriptor of our own for a connection of node:http, which tells none: for bytes that go past it. It is found by the connection's two ends, which no
 * other has while it is open. It stays that connection's until it is disposed, also when node:http has closed its own; so dispose of it soon then, or the
 * client does not hear of the end.
 */
export class ConnectionDescriptor implements Disposable {
  readonly fd: number;
  #isOpen = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** @returns undefined if the descriptor is not found, or there is none left for ours: then there is no such way */
  static find({ remoteAddress, remotePort, localAddress, localPort }: Socket): ConnectionDescriptor | undefined {
    if (remoteAddress === undefined || localAddress === undefined) return undefined;
    const wanted = [`${canonical(remoteAddress)} ${remotePort}`, `${canonical(localAddress)} ${localPort}`];
    for (let fd = 0, missing = 0; missing < HOLES_MAX; fd += 1) {
      const peer = endOf(SYS.getpeername, fd);
      missing = peer.byteLength === 0 ? missing + 1 : 0;
      const [, , high = 0, low = 0] = peer;
      if (256 * high + low !== remotePort || describe(peer) !== wanted[0]) continue;
      if (describe(endOf(SYS.getsockname, fd)) !== wanted[1]) continue;
      const own = syscall(SYS.fcntl, fd, F_DUPFD_CLOEXEC, 0);
      return own < 0 ? undefined : new ConnectionDescriptor(own);
    }
    return undefined;
  }

  /**
   * Sends bytes of a file as long as there is room for them (sendfile(2)). Only while nobody else has something left to write.
   *
   * @returns how many; 0 also if the client is gone, or the file cannot be read
   */
  send(file: number, position: number, bytesMax: number): number {
    const offset = new BigInt64Array([BigInt(position)]);
    let sent = 0;
    while (sent < bytesMax) {
      const count = syscall(SYS.sendfile, this.fd, file, offset, bytesMax - sent);
      if (count === -ERRNO.EINTR) continue;
      if (count <= 0) break;
      sent += count;
    }
    return sent;
  }

  [Symbol.dispose](): void {
    if (this.#isOpen) syscall(SYS.close, this.fd);
    this.#isOpen = false;
  }
}
