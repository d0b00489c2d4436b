import type { Socket } from "node:net";
import { ERRNO } from "./errno.ts";
import { SYS, syscall } from "./libc.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/**
 * True if the other side of a unix stream socket has closed it wholly, and not only its sending half: after the end
 * of input both look alike to a reader. A send of no bytes tells them apart, since the kernel shuts our sending side
 * when the peer closes (net/unix/af_unix.c, `unix_release_sock`) and refuses before it looks at the length.
 */
export function isPeerGone(socket: Socket): boolean {
  const { fd } = (socket as Socket & { readonly _handle?: { readonly fd?: number } })._handle ?? {};
  if (socket.destroyed || fd === undefined || fd < 0) return true;
  const sent = syscall(SYS.sendto, fd, new Uint8Array(1), 0, MSG_DONTWAIT | MSG_NOSIGNAL, null, 0);
  return sent === -ERRNO.EPIPE || sent === -ERRNO.ECONNRESET || sent === -ERRNO.ENOTCONN;
}
