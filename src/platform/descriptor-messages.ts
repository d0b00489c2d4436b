import { ERRNO } from "./errno.ts";
import { SYS, syscall } from "./libc.ts";
import { addressOf } from "./memory-address.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_TRUNC = 0x20;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** Of `struct sockaddr_un`, with the NUL at its end. */
const PATH_BYTES = 108;
/** `struct msghdr` and `struct cmsghdr` of a 64-bit machine: recvmsg(2), cmsg(3). */
const HEADER_BYTES = 56;
const FLAGS_AT = 48;
const CONTROL_HEADER_BYTES = 16;
const DESCRIPTOR_BYTES = 4;
const MAX_DESCRIPTORS = 16;

/** A message of a unix socket. */
export interface DescriptorMessage {
  /** Empty: the other side has closed. */
  readonly bytes: Uint8Array;
  /** Copies of the sender's, close-on-exec, now ours to close. */
  readonly descriptors: readonly number[];
}

/** Two connected sockets that keep messages apart, close-on-exec. @returns their descriptors, or -errno. */
export function openMessagePair(): readonly [number, number] | number {
  const pair = new Int32Array(2);
  const failure = syscall(SYS.socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
  return failure < 0 ? failure : [pair[0] ?? -1, pair[1] ?? -1];
}

/** Connects to a unix stream socket. @returns its descriptor, or -errno. */
export function connectUnixStream(path: string): number {
  const name = Buffer.from(path, "utf8");
  if (name.length >= PATH_BYTES) return -ERRNO.ENAMETOOLONG;
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  const fd = syscall(SYS.socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const failure = syscall(SYS.connect, fd, address, address.length);
  if (failure < 0) syscall(SYS.close, fd);
  return failure < 0 ? failure : fd;
}

interface Header {
  readonly bytes: Buffer;
  /** What it points to. */
  readonly keep: readonly Uint8Array[];
}

function makeHeader(bytes: Uint8Array, control: Uint8Array): Header {
  const part = Buffer.alloc(16);
  part.writeBigUInt64LE(addressOf(bytes), 0);
  part.writeBigUInt64LE(BigInt(bytes.length), 8);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeBigUInt64LE(addressOf(part), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(addressOf(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  return { bytes: header, keep: [bytes, control, part] };
}

function encodeRights(descriptors: readonly number[]): Buffer {
  if (descriptors.length === 0) return Buffer.alloc(0);
  const length = CONTROL_HEADER_BYTES + descriptors.length * DESCRIPTOR_BYTES;
  const control = Buffer.alloc(Math.ceil(length / 8) * 8);
  control.writeBigUInt64LE(BigInt(length), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  descriptors.forEach((fd, index) => {
    control.writeInt32LE(fd, CONTROL_HEADER_BYTES + index * DESCRIPTOR_BYTES);
  });
  return control;
}

function decodeRights(control: Buffer, length: number): readonly number[] {
  const descriptors: number[] = [];
  for (let at = 0; at + CONTROL_HEADER_BYTES <= length; ) {
    const size = Number(control.readBigUInt64LE(at));
    if (size < CONTROL_HEADER_BYTES || at + size > length) break;
    if (control.readInt32LE(at + 8) === SOL_SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS)
      for (let index = at + CONTROL_HEADER_BYTES; index + DESCRIPTOR_BYTES <= at + size; index += DESCRIPTOR_BYTES)
        descriptors.push(control.readInt32LE(index));
    at += Math.ceil(size / 8) * 8;
  }
  return descriptors;
}

/** Sends one message; blocks while there is no room. @returns 0, or -errno. */
export function sendMessage(fd: number, bytes: Uint8Array, descriptors: readonly number[] = []): number {
  const header = makeHeader(bytes, encodeRights(descriptors));
  for (;;) {
    const sent = syscall(SYS.sendmsg, fd, header.bytes, MSG_NOSIGNAL);
    if (sent !== -ERRNO.EINTR) return header.keep.length > 0 && sent < 0 ? sent : 0;
  }
}

/**
 * Waits for one message.
 *
 * @param limit bytes of a message at most; a longer one is -EMSGSIZE.
 * @returns the message, or -errno.
 */
export function receiveMessage(fd: number, limit: number): DescriptorMessage | number {
  const bytes = new Uint8Array(limit);
  const control = Buffer.alloc(CONTROL_HEADER_BYTES + MAX_DESCRIPTORS * DESCRIPTOR_BYTES);
  const header = makeHeader(bytes, control);
  for (;;) {
    const length = syscall(SYS.recvmsg, fd, header.bytes, MSG_CMSG_CLOEXEC);
    if (length === -ERRNO.EINTR) continue;
    if (length < 0) return length;
    const descriptors = decodeRights(control, Number(header.bytes.readBigUInt64LE(40)));
    if ((header.bytes.readInt32LE(FLAGS_AT) & MSG_TRUNC) === 0)
      return { bytes: bytes.subarray(0, length), descriptors };
    for (const descriptor of descriptors) syscall(SYS.close, descriptor);
    return -ERRNO.EMSGSIZE;
  }
}
