import type { Socket } from "node:net";
import { ERRNO } from "./errno.ts";
import { SYS, syscall } from "./libc.ts";

/** Room for any socket's address (sockaddr_in6 has 28 bytes). */
const ADDRESS_BYTES = 32;
const AF_INET = 2;
const AF_INET6 = 10;

/** After so many descriptors that are no connections none is looked for: files of uploads can stand in a row. */
const HOLES_MAX = 1024;

/** So much at once, that others have their turn. */
const TURN_BYTES = 2 << 20;

/** One end of a socket as the kernel has it; empty if the descriptor is none. */
function endOf(call: number, fd: number): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES);
  const length = new Uint32Array([ADDRESS_BYTES]);
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
 * Lets the kernel send files to a socket (sendfile(2)), past whatever else writes to it: only while that has nothing left to write. node:http tells
 * no descriptor: it is found by the socket's two ends, which no other has while it is open, and looked at again before each use.
 */
export class KernelSender {
  readonly #fd: number;
  readonly #peer: Uint8Array;
  readonly #own: Uint8Array;

  private constructor(fd: number, peer: Uint8Array, own: Uint8Array) {
    this.#fd = fd;
    this.#peer = peer;
    this.#own = own;
  }

  /** @returns undefined if the descriptor is not found: then there is no such way */
  static find({ remoteAddress, remotePort, localAddress, localPort }: Socket): KernelSender | undefined {
    if (remoteAddress === undefined || localAddress === undefined) return undefined;
    const wanted = [`${canonical(remoteAddress)} ${remotePort}`, `${canonical(localAddress)} ${localPort}`];
    for (let fd = 0, missing = 0; missing < HOLES_MAX; fd += 1) {
      const peer = endOf(SYS.getpeername, fd);
      missing = peer.byteLength === 0 ? missing + 1 : 0;
      const [, , high = 0, low = 0] = peer;
      if (256 * high + low !== remotePort || describe(peer) !== wanted[0]) continue;
      const own = endOf(SYS.getsockname, fd);
      if (describe(own) === wanted[1]) return new KernelSender(fd, peer, own);
    }
    return undefined;
  }

  /** Sends what there is room for. @returns how many bytes; 0 also if the socket is gone, or the file cannot be read */
  send(file: number, position: number, bytesMax: number): number {
    if (!this.#isThere()) return 0;
    const offset = new BigInt64Array([BigInt(position)]);
    let sent = 0;
    while (sent < Math.min(bytesMax, TURN_BYTES)) {
      const count = syscall(SYS.sendfile, this.#fd, file, offset, Math.min(bytesMax, TURN_BYTES) - sent);
      if (count === -ERRNO.EINTR) continue;
      if (count <= 0) break;
      sent += count;
    }
    return sent;
  }

  #isThere(): boolean {
    const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
    return isSame(endOf(SYS.getpeername, this.#fd), this.#peer) && isSame(endOf(SYS.getsockname, this.#fd), this.#own);
  }
}
