import { align4, decodeAttributes, decodeString } from "./attributes.ts";

/** Source of the numbers: Linux `include/uapi/linux/netlink.h`. */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** NLM_F_ROOT | NLM_F_MATCH */
export const NLM_F_DUMP = 0x300;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;

const HEADER_BYTES = 16;

/** What is asked of the kernel: everything of a message but the numbers that the socket gives. */
export interface NetlinkRequest {
  readonly type: number;
  /** NLM_F_ bits besides NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags?: number;
  /** The family's fixed header, padded, and the attributes. */
  readonly payload: Uint8Array;
  /** What the request is for: begins the error's sentence (`create the bridge "gn0"`). */
  readonly cause: string;
}

/** A message as it came in. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The kernel's answer to a request that was to be acknowledged, or that failed. */
export interface Acknowledgement {
  /** 0, or the positive error number. */
  readonly errno: number;
  /** The kernel's own words (extended acknowledgement), where it has any. */
  readonly text: string | undefined;
}

/** One message with its header and padding. */
export function encodeMessage(
  message: Omit<NetlinkRequest, "cause">,
  options: { readonly sequence: number },
): Uint8Array {
  const length = HEADER_BYTES + message.payload.length;
  const bytes = Buffer.alloc(align4(length));
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(message.type, 4);
  bytes.writeUInt16LE(message.flags ?? 0, 6);
  bytes.writeUInt32LE(options.sequence >>> 0, 8);
  bytes.set(message.payload, HEADER_BYTES);
  return bytes;
}

/** The messages in a datagram. Total: a length that does not fit ends the reading. */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const view = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: NetlinkMessage[] = [];
  for (let offset = 0; offset + HEADER_BYTES <= view.length; ) {
    const length = view.readUInt32LE(offset);
    if (length < HEADER_BYTES || offset + length > view.length) break;
    messages.push({
      type: view.readUInt16LE(offset + 4),
      flags: view.readUInt16LE(offset + 6),
      sequence: view.readUInt32LE(offset + 8),
      payload: view.subarray(offset + HEADER_BYTES, offset + length),
    });
    offset += align4(length);
  }
  return messages;
}

/** True if the kernel says that what was listed changed meanwhile, so that the list may have holes. */
export function isInterruptedDump(message: NetlinkMessage): boolean {
  return (message.flags & NLM_F_DUMP_INTR) !== 0;
}

/**
 * Reads an NLMSG_ERROR or NLMSG_DONE. After the error number comes the request's header, after that (unless capped)
 * its payload, after that the attributes of the extended acknowledgement.
 */
export function decodeAcknowledgement(message: NetlinkMessage): Acknowledgement {
  const { payload } = message;
  const view = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (view.length < 4) return { errno: 0, text: undefined };
  const errno = -view.readInt32LE(0);
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno, text: undefined };
  let offset = 4;
  if (message.type === NLMSG_ERROR) {
    if (view.length < 4 + HEADER_BYTES) return { errno, text: undefined };
    const echoed = (message.flags & NLM_F_CAPPED) !== 0 ? HEADER_BYTES : view.readUInt32LE(4);
    offset += align4(echoed);
  }
  if (offset > view.length) return { errno, text: undefined };
  return { errno, text: decodeString(decodeAttributes(view.subarray(offset)).get(NLMSGERR_ATTR_MSG)) };
}
