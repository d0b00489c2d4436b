import { type ErrorCode, GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  isInterruptedDump,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from "./message.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

/** The kernel answers within the send itself; this is only against waiting for ever. */
const RECEIVE_TIMEOUT_SECONDS = 10;
/** A dump's datagram has at most 32 KiB (netlink_dump), an acknowledgement far less. */
const RECEIVE_BYTES = 64 * 1024;
/** Room for the errors of a large batch. */
const RECEIVE_QUEUE_BYTES = 4 * 1024 * 1024;
const DUMP_ATTEMPTS = 8;

/** A protocol of netlink: rtnetlink or netfilter. */
const NETLINK_PROTOCOLS = { route: 0, netfilter: 12 } as const;

const CODES: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [ERRNO.EEXIST, "already-exists"],
  [ERRNO.ENOENT, "not-found"],
  [ERRNO.ENODEV, "not-found"],
  [ERRNO.ESRCH, "not-found"],
  [ERRNO.EADDRNOTAVAIL, "not-found"],
  [ERRNO.EPERM, "permission-denied"],
  [ERRNO.EACCES, "permission-denied"],
  [ERRNO.EBUSY, "conflict"],
  [ERRNO.EOPNOTSUPP, "unsupported"],
  [ERRNO.EAFNOSUPPORT, "unsupported"],
  [ERRNO.EPROTONOSUPPORT, "unsupported"],
  [ERRNO.ENOMEM, "exhausted"],
  [ERRNO.ENOSPC, "exhausted"],
  [ERRNO.ENOBUFS, "exhausted"],
]);

function failure(cause: string, acknowledgement: Acknowledgement): GantryError {
  const { errno, text } = acknowledgement;
  const words = text === undefined || text === "" ? describeErrno(errno) : `${describeErrno(errno)} (${text})`;
  const code = CODES.get(errno) ?? "internal";
  return new GantryError(code, `cannot ${cause}: ${words}`, {
    ...(code === "permission-denied" ? { hint: "networks need CAP_NET_ADMIN" } : {}),
  });
}

/**
 * A netlink socket of the network namespace in which it was opened; it keeps talking to that one wherever the thread goes.
 *
 * Calls are synchronous: the kernel works on a request inside of the send and has queued the answer before the send returns.
 */
export class NetlinkSocket implements Disposable {
  readonly #descriptor: number;
  readonly #buffer = Buffer.alloc(RECEIVE_BYTES);
  #sequence = 1;
  #isClosed = false;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  static open(protocol: keyof typeof NETLINK_PROTOCOLS): NetlinkSocket {
    const descriptor = syscall(SYS.socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_PROTOCOLS[protocol]);
    if (descriptor < 0) throw failure(`open a netlink socket (${protocol})`, { errno: -descriptor, text: undefined });
    const on = Int32Array.of(1);
    const timeout = BigInt64Array.of(BigInt(RECEIVE_TIMEOUT_SECONDS), 0n);
    // Each of these only makes answers better or larger: a kernel without them still answers.
    syscall(SYS.setsockopt, descriptor, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.byteLength);
    syscall(SYS.setsockopt, descriptor, SOL_SOCKET, SO_RCVBUFFORCE, Int32Array.of(RECEIVE_QUEUE_BYTES), 4);
    syscall(SYS.setsockopt, descriptor, SOL_NETLINK, NETLINK_CAP_ACK, on, 4);
    syscall(SYS.setsockopt, descriptor, SOL_NETLINK, NETLINK_EXT_ACK, on, 4);
    return new NetlinkSocket(descriptor);
  }

  /**
   * Performs requests in order, in one send, each acknowledged. Requests after one that failed are performed all the same
   * (the kernel goes on): send together what depends on nothing before it, or what fails harmlessly then.
   *
   * @throws the first failure.
   */
  perform(requests: readonly NetlinkRequest[]): void {
    for (const [index, acknowledgement] of this.tryPerform(requests).entries()) {
      if (acknowledgement.errno !== 0) throw failure(requests[index]?.cause ?? "talk to the kernel", acknowledgement);
    }
  }

  /** Like `perform`, but returns what the kernel said to each request. */
  tryPerform(requests: readonly NetlinkRequest[]): Acknowledgement[] {
    if (requests.length === 0) return [];
    const first = this.#sequence;
    this.#sequence += requests.length;
    const datagram = requests.map((request, index) =>
      encodeMessage(
        { ...request, flags: (request.flags ?? 0) | NLM_F_REQUEST | NLM_F_ACK },
        { sequence: first + index },
      ),
    );
    this.#send(Buffer.concat(datagram), requests[0]?.cause ?? "");
    const answers: (Acknowledgement | undefined)[] = requests.map(() => undefined);
    for (let missing = requests.length; missing > 0; ) {
      for (const message of this.#receive(0, requests[0]?.cause ?? "") ?? []) {
        const index = message.sequence - first;
        if (message.type !== NLMSG_ERROR || index < 0 || index >= requests.length || answers[index] !== undefined)
          continue;
        answers[index] = decodeAcknowledgement(message);
        missing--;
      }
    }
    return answers.map((answer) => answer ?? { errno: ERRNO.EIO, text: undefined });
  }

  /** Asks for one thing, and returns the kernel's answer; `undefined` when there is no such thing. */
  get(request: NetlinkRequest): NetlinkMessage | undefined {
    const sequence = this.#sequence++;
    this.#send(encodeMessage({ ...request, flags: (request.flags ?? 0) | NLM_F_REQUEST }, { sequence }), request.cause);
    for (;;) {
      for (const message of this.#receive(0, request.cause) ?? []) {
        if (message.sequence !== sequence) continue;
        if (message.type !== NLMSG_ERROR) return { ...message, payload: Uint8Array.from(message.payload) };
        const answer = decodeAcknowledgement(message);
        if (answer.errno === ERRNO.ENOENT || answer.errno === ERRNO.ENODEV) return undefined;
        throw failure(request.cause, answer);
      }
    }
  }

  /** Lists: every message of the kernel's answer. Repeated (bounded) when the kernel says that the list changed meanwhile. */
  dump(request: NetlinkRequest): NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      const { messages, isInterrupted } = this.#dumpOnce(request);
      if (!isInterrupted || attempt === DUMP_ATTEMPTS) return messages;
    }
  }

  #dumpOnce(request: NetlinkRequest): { messages: NetlinkMessage[]; isInterrupted: boolean } {
    const sequence = this.#sequence++;
    const flags = (request.flags ?? 0) | NLM_F_REQUEST | NLM_F_DUMP;
    this.#send(encodeMessage({ ...request, flags }, { sequence }), request.cause);
    const messages: NetlinkMessage[] = [];
    let isInterrupted = false;
    for (;;) {
      for (const message of this.#receive(0, request.cause) ?? []) {
        if (message.sequence !== sequence) continue;
        isInterrupted ||= isInterruptedDump(message);
        if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
          const answer = decodeAcknowledgement(message);
          if (answer.errno > 0) throw failure(request.cause, answer);
          return { messages, isInterrupted };
        }
        messages.push({ ...message, payload: Uint8Array.from(message.payload) });
      }
    }
  }

  /**
   * Sends messages that are one transaction (nf_tables batches), and returns what the kernel objected to, by the message's
   * index. The answers are queued before the send returns, so that an empty queue means success.
   */
  transact(
    messages: readonly Omit<NetlinkRequest, "cause">[],
    cause: string,
  ): { readonly index: number; readonly answer: Acknowledgement }[] {
    const first = this.#sequence;
    this.#sequence += messages.length;
    const datagram = messages.map((message, index) => encodeMessage(message, { sequence: first + index }));
    this.#send(Buffer.concat(datagram), cause);
    const objections: { index: number; answer: Acknowledgement }[] = [];
    for (;;) {
      const answers = this.#receive(MSG_DONTWAIT, cause);
      if (answers === undefined) return objections;
      for (const message of answers) {
        const index = message.sequence - first;
        if (message.type !== NLMSG_ERROR || index < 0 || index >= messages.length) continue;
        const answer = decodeAcknowledgement(message);
        if (answer.errno !== 0) objections.push({ index, answer });
      }
    }
  }

  #send(datagram: Uint8Array, cause: string): void {
    const sent = syscall(SYS.sendto, this.#descriptor, datagram, datagram.byteLength, 0, null, 0);
    if (sent < 0) throw failure(cause, { errno: -sent, text: undefined });
  }

  /** The messages of the next datagram; `undefined` when none is queued (with MSG_DONTWAIT). */
  #receive(flags: number, cause: string): NetlinkMessage[] | undefined {
    const sender = Buffer.alloc(12);
    const senderLength = Int32Array.of(sender.length);
    for (;;) {
      const received = syscall(
        SYS.recvfrom,
        this.#descriptor,
        this.#buffer,
        this.#buffer.length,
        flags | MSG_TRUNC,
        sender,
        senderLength,
      );
      if (received === -ERRNO.EINTR) continue;
      if (received === -ERRNO.EAGAIN && (flags & MSG_DONTWAIT) !== 0) return undefined;
      if (received < 0) throw failure(`${cause} (the kernel's answer)`, { errno: -received, text: undefined });
      if (received > this.#buffer.length)
        throw new GantryError("internal", `cannot ${cause}: the kernel's answer of ${received} bytes is too long`);
      // Only the kernel has port 0: another process may send to this socket, too.
      if (sender.readUInt32LE(4) !== 0) continue;
      return decodeMessages(this.#buffer.subarray(0, received));
    }
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    syscall(SYS.close, this.#descriptor);
  }
}
