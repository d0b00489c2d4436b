import { GantryError } from "../../errors/gantry-error.ts";
import { encodeAttribute, encodeNested, encodeString, encodeUint32BigEndian } from "../netlink/attributes.ts";
import { encodeIpv4 } from "../netlink/ipv4-address.ts";
import { type NetlinkRequest, NLM_F_APPEND, NLM_F_CREATE } from "../netlink/message.ts";
import { encodeExpressions, encodeInterfaceName, NFTA_DATA_VALUE } from "./encode-expressions.ts";
import type { Chain, ElementChange, KeyPart, KeyType, NftSet, Rule, Ruleset, SetElement } from "./ruleset.ts";

/** Source of the numbers: Linux `include/uapi/linux/netfilter/nf_tables.h`, `nfnetlink.h`. */
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_DELRULE = 8;
const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFPROTO_IPV4 = 2;
const NF_ACCEPT = 1;
const NFT_SET_MAP = 0x8;
const NFTA_LIST_ELEM = 1;
/** Key in a set's or a rule's user data, as nft(8) and libnftnl write it. */
const UDATA_SET_KEY_BYTE_ORDER = 0;
const UDATA_RULE_COMMENT = 0;
const BYTE_ORDER_MIXED = 0;
const BYTE_ORDER_HOST = 1;
/** An attribute has 64 KiB at most: elements go in messages of this many. */
const ELEMENTS_PER_MESSAGE = 256;
/** A comment's length is one byte with its NUL. */
const MAX_COMMENT_BYTES = 127;

const HOOK_POINTS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

/** A type's number in nft(8), its bytes as one part of a key, and how a text becomes these. */
const KEY_TYPES: Readonly<Record<KeyType, { number: number; bytes: number; encode: (part: KeyPart) => Uint8Array }>> = {
  ipv4_addr: { number: 7, bytes: 4, encode: encodeIpv4 },
  inet_proto: { number: 12, bytes: 4, encode: encodeProtocol },
  inet_service: { number: 13, bytes: 4, encode: encodePort },
  ifname: { number: 41, bytes: 16, encode: encodeInterfaceName },
};

/** nft(8) packs the types of a concatenation into one number, six bits each. */
const TYPE_BITS = 6;

function encodeProtocol(part: KeyPart): Uint8Array {
  if (part !== "tcp" && part !== "udp")
    throw new GantryError("invalid-argument", `not a protocol with ports: "${part}"`);
  return Uint8Array.of(part === "tcp" ? 6 : 17, 0, 0, 0);
}

function encodePort(part: KeyPart): Uint8Array {
  const port = Number(part);
  if (!/^[0-9]{1,5}$/.test(part) || port > 65535) throw new GantryError("invalid-argument", `not a port: "${part}"`);
  return Uint8Array.of(port >> 8, port & 255, 0, 0);
}

/** A message inside of a batch. */
export type NftMessage = Omit<NetlinkRequest, "cause">;

/** struct nfgenmsg before the attributes */
export function nftMessage(message: number, attributes: readonly Uint8Array[], flags = 0): NftMessage {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | message,
    flags,
    payload: Buffer.concat([Uint8Array.of(NFPROTO_IPV4, 0, 0, 0), ...attributes]),
  };
}

function typeNumber(types: readonly KeyType[]): number {
  return types.reduce((packed, type) => (packed << TYPE_BITS) | KEY_TYPES[type].number, 0);
}

function typeBytes(types: readonly KeyType[]): number {
  return types.reduce((bytes, type) => bytes + KEY_TYPES[type].bytes, 0);
}

function encodeSet(table: string, set: NftSet, id: number): NftMessage {
  const byteOrder = set.key.length === 1 && set.key[0] === "ifname" ? BYTE_ORDER_HOST : BYTE_ORDER_MIXED;
  const attributes = [
    encodeString(1, table),
    encodeString(2, set.name),
    encodeUint32BigEndian(3, set.value === undefined ? 0 : NFT_SET_MAP),
    encodeUint32BigEndian(4, typeNumber(set.key)),
    encodeUint32BigEndian(5, typeBytes(set.key)),
  ];
  if (set.value !== undefined) {
    attributes.push(encodeUint32BigEndian(6, typeNumber(set.value)), encodeUint32BigEndian(7, typeBytes(set.value)));
  }
  attributes.push(
    encodeUint32BigEndian(10, id),
    encodeAttribute(13, Uint8Array.of(UDATA_SET_KEY_BYTE_ORDER, 4, byteOrder, 0, 0, 0)),
  );
  return nftMessage(NFT_MSG_NEWSET, attributes, NLM_F_CREATE);
}

function encodeParts(types: readonly KeyType[], parts: readonly KeyPart[]): Uint8Array {
  if (types.length !== parts.length)
    throw new GantryError("internal", `an element of ${parts.length} parts in a set of ${types.length}`);
  return Buffer.concat(types.map((type, index) => KEY_TYPES[type].encode(parts[index] ?? "")));
}

function encodeElement(set: NftSet, element: SetElement, isWithValue: boolean): Uint8Array {
  const key = encodeNested(1, [encodeAttribute(NFTA_DATA_VALUE, encodeParts(set.key, element.key))]);
  if (set.value === undefined || !isWithValue) return encodeNested(NFTA_LIST_ELEM, [key]);
  const data = encodeAttribute(NFTA_DATA_VALUE, encodeParts(set.value, element.value ?? []));
  return encodeNested(NFTA_LIST_ELEM, [key, encodeNested(2, [data])]);
}

/** The messages that add elements to a set, or take them away. */
export function encodeElementChange(table: string, change: ElementChange): NftMessage[] {
  const { set, elements, op } = change;
  const messages: NftMessage[] = [];
  for (let start = 0; start < elements.length; start += ELEMENTS_PER_MESSAGE) {
    const part = elements.slice(start, start + ELEMENTS_PER_MESSAGE);
    const attributes = [
      encodeString(1, table),
      encodeString(2, set.name),
      encodeNested(
        3,
        part.map((element) => encodeElement(set, element, op === "add")),
      ),
    ];
    messages.push(
      op === "add"
        ? nftMessage(NFT_MSG_NEWSETELEM, attributes, NLM_F_CREATE)
        : nftMessage(NFT_MSG_DELSETELEM, attributes),
    );
  }
  return messages;
}

function encodeChain(table: string, chain: Chain): NftMessage {
  const attributes = [encodeString(1, table), encodeString(3, chain.name)];
  if (chain.hook !== undefined) {
    const hook = encodeNested(4, [
      encodeUint32BigEndian(1, HOOK_POINTS[chain.hook.point]),
      encodeUint32BigEndian(2, chain.hook.priority),
    ]);
    attributes.push(hook, encodeUint32BigEndian(5, NF_ACCEPT), encodeString(7, chain.hook.type));
  }
  return nftMessage(NFT_MSG_NEWCHAIN, attributes, NLM_F_CREATE);
}

function encodeComment(comment: string): Uint8Array {
  const text = Buffer.from(`${comment}\0`, "utf8");
  if (text.length > MAX_COMMENT_BYTES) throw new GantryError("invalid-argument", `too long a comment: "${comment}"`);
  return Buffer.concat([Uint8Array.of(UDATA_RULE_COMMENT, text.length), text]);
}

/** Reads the comment in a rule's user data. Total. */
export function decodeComment(userData: Uint8Array | undefined): string | undefined {
  for (let offset = 0; userData !== undefined && offset + 2 <= userData.length; ) {
    const type = userData[offset];
    const length = userData[offset + 1] ?? 0;
    const value = userData.subarray(offset + 2, offset + 2 + length);
    if (type === UDATA_RULE_COMMENT) return Buffer.from(value).toString("utf8").replace(/\0.*$/s, "");
    offset += 2 + length;
  }
  return undefined;
}

/** Where a rule goes: a chain of a table that need not be ours. */
export interface ChainName {
  readonly table: string;
  readonly chain: string;
}

/** The message that puts a rule into a chain: at its end, or before everything there. */
export function encodeRule(place: ChainName, rule: Rule, options: { readonly isFirst?: boolean } = {}): NftMessage {
  const attributes = [
    encodeString(1, place.table),
    encodeString(2, place.chain),
    encodeNested(4, encodeExpressions(rule)),
    ...(rule.comment === undefined ? [] : [encodeAttribute(7, encodeComment(rule.comment))]),
  ];
  return nftMessage(NFT_MSG_NEWRULE, attributes, NLM_F_CREATE | (options.isFirst === true ? 0 : NLM_F_APPEND));
}

/** The message that takes the rule with this handle away. */
export function encodeRuleDeletion(place: ChainName, handle: bigint): NftMessage {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(handle);
  return nftMessage(NFT_MSG_DELRULE, [
    encodeString(1, place.table),
    encodeString(2, place.chain),
    encodeAttribute(3, bytes),
  ]);
}

/**
 * The messages that make a table anew, in one transaction: made if missing, deleted with all that is in it, made again.
 * Packets meet either the old table or the new one.
 */
export function encodeRuleset(ruleset: Ruleset): NftMessage[] {
  const { table } = ruleset;
  const newTable = nftMessage(NFT_MSG_NEWTABLE, [encodeString(1, table), encodeUint32BigEndian(2, 0)], NLM_F_CREATE);
  return [
    newTable,
    encodeTableDeletion(table),
    newTable,
    ...ruleset.sets.map((set, index) => encodeSet(table, set, index + 1)),
    ...ruleset.sets.flatMap((set) => encodeElementChange(table, { op: "add", set, elements: set.elements })),
    ...ruleset.chains.map((chain) => encodeChain(table, chain)),
    ...ruleset.chains.flatMap((chain) => chain.rules.map((rule) => encodeRule({ table, chain: chain.name }, rule))),
  ];
}

/** The message that deletes a table and everything in it. */
export function encodeTableDeletion(table: string): NftMessage {
  return nftMessage(NFT_MSG_DELTABLE, [encodeString(1, table)]);
}
