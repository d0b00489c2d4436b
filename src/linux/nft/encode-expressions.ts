import { GantryError } from "../../errors/gantry-error.ts";
import {
  encodeAttribute,
  encodeNested,
  encodeString,
  encodeUint32BigEndian,
  encodeUint64BigEndian,
} from "../netlink/attributes.ts";
import { encodeIpv4 } from "../netlink/ipv4-address.ts";
import type { Field, Rule, Statement, Verdict } from "./ruleset.ts";

/**
 * Rules as the expressions of the kernel's virtual machine: load into a register, compare, act.
 * Source: Linux `include/uapi/linux/netfilter/nf_tables.h`; compared in tests with what nft(8) reads back.
 */

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
export const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;
const NF_DROP = 0;
const NF_ACCEPT = 1;
const NFT_JUMP = -3;
const NFT_RETURN = -5;
const NFT_REG_VERDICT = 0;
/** The first of the sixteen registers of four bytes. */
const NFT_REG32_00 = 8;
const REGISTER_BYTES = 4;
const NFT_META_IIFNAME = 6;
const NFT_META_OIFNAME = 7;
const NFT_META_L4PROTO = 16;
const NFT_PAYLOAD_NETWORK_HEADER = 1;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
const NFT_CT_STATE = 0;
const NFT_CT_STATUS = 2;
const NFTA_FIB_F_DADDR = 2;
const NFT_FIB_RESULT_ADDRTYPE = 3;
const RTN_LOCAL = 2;
const NFT_CMP_EQ = 0;
const NFT_CMP_NEQ = 1;
const NFT_LOOKUP_F_INV = 1;
const NFT_NAT_DNAT = 1;
const NFPROTO_IPV4 = 2;
const IPS_DST_NAT = 0x20;
const IFNAMSIZ = 16;

/** Bits of `ct state` (NF_CT_STATE_BIT). */
const STATE_BITS = { invalid: 1, established: 2, related: 4, new: 8 } as const;

function expression(name: string, attributes: readonly Uint8Array[]): Uint8Array {
  return encodeNested(NFTA_LIST_ELEM, [encodeString(NFTA_EXPR_NAME, name), encodeNested(NFTA_EXPR_DATA, attributes)]);
}

const number = encodeUint32BigEndian;

function value(type: number, bytes: Uint8Array): Uint8Array {
  return encodeNested(type, [encodeAttribute(NFTA_DATA_VALUE, bytes)]);
}

function meta(key: number, register: number): Uint8Array {
  return expression("meta", [number(2, key), number(1, register)]);
}

function payload(base: number, range: { offset: number; length: number }, register: number): Uint8Array {
  return expression("payload", [
    number(1, register),
    number(2, base),
    number(3, range.offset),
    number(4, range.length),
  ]);
}

function connectionTracking(key: number, register: number): Uint8Array {
  return expression("ct", [number(2, key), number(1, register)]);
}

function compare(register: number, bytes: Uint8Array, isNegated: boolean): Uint8Array {
  return expression("cmp", [number(1, register), number(2, isNegated ? NFT_CMP_NEQ : NFT_CMP_EQ), value(3, bytes)]);
}

function maskRegister(register: number, mask: Uint8Array): Uint8Array {
  return expression("bitwise", [
    number(1, register),
    number(2, register),
    number(3, mask.length),
    value(4, mask),
    value(5, Buffer.alloc(mask.length)),
  ]);
}

/** Bytes that a field takes in registers (always whole registers). */
const FIELD_BYTES: Readonly<Record<Field, number>> = {
  iifname: IFNAMSIZ,
  oifname: IFNAMSIZ,
  "ip saddr": 4,
  "ip daddr": 4,
  "meta l4proto": 4,
  "th dport": 4,
  "ct state": 4,
  "ct status": 4,
  "fib daddr type": 4,
};

function load(field: Field, register: number): Uint8Array {
  switch (field) {
    case "iifname":
      return meta(NFT_META_IIFNAME, register);
    case "oifname":
      return meta(NFT_META_OIFNAME, register);
    case "meta l4proto":
      return meta(NFT_META_L4PROTO, register);
    case "ip saddr":
      return payload(NFT_PAYLOAD_NETWORK_HEADER, { offset: 12, length: 4 }, register);
    case "ip daddr":
      return payload(NFT_PAYLOAD_NETWORK_HEADER, { offset: 16, length: 4 }, register);
    case "th dport":
      return payload(NFT_PAYLOAD_TRANSPORT_HEADER, { offset: 2, length: 2 }, register);
    case "ct state":
      return connectionTracking(NFT_CT_STATE, register);
    case "ct status":
      return connectionTracking(NFT_CT_STATUS, register);
    case "fib daddr type":
      return expression("fib", [number(1, register), number(2, NFT_FIB_RESULT_ADDRTYPE), number(3, NFTA_FIB_F_DADDR)]);
  }
}

/** Loads fields into consecutive registers, as the key of a lookup. */
function loadAll(fields: readonly Field[]): Uint8Array[] {
  let register = NFT_REG32_00;
  return fields.map((field) => {
    const loaded = load(field, register);
    register += FIELD_BYTES[field] / REGISTER_BYTES;
    return loaded;
  });
}

/** An interface's name as the kernel compares it: padded with NUL, or, for a prefix, without any. */
export function encodeInterfaceName(name: string): Uint8Array {
  const isPrefix = name.endsWith("*");
  const bytes = Buffer.from(isPrefix ? name.slice(0, -1) : name, "utf8");
  if (bytes.length >= IFNAMSIZ || bytes.length === 0)
    throw new GantryError("invalid-argument", `not a name of a network interface: "${name}"`);
  return isPrefix ? bytes : Buffer.concat([bytes, Buffer.alloc(IFNAMSIZ - bytes.length)]);
}

function hostOrder(bits: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(bits);
  return bytes;
}

function networkMask(prefixLength: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0);
  return bytes;
}

function anyBit(field: Field, bits: number): Uint8Array[] {
  return [
    load(field, NFT_REG32_00),
    maskRegister(NFT_REG32_00, hostOrder(bits)),
    compare(NFT_REG32_00, hostOrder(0), true),
  ];
}

function verdictCode(verdict: Verdict): number {
  switch (verdict.op) {
    case "accept":
      return NF_ACCEPT;
    case "drop":
      return NF_DROP;
    case "return":
      return NFT_RETURN;
    case "jump":
      return NFT_JUMP;
  }
}

function immediate(verdict: Verdict): Uint8Array {
  const chain = verdict.op === "jump" ? [encodeString(NFTA_VERDICT_CHAIN, verdict.chain)] : [];
  const code = number(NFTA_VERDICT_CODE, verdictCode(verdict));
  const data = encodeNested(2, [encodeNested(NFTA_DATA_VERDICT, [code, ...chain])]);
  return expression("immediate", [number(1, NFT_REG_VERDICT), data]);
}

function lookup(options: { set: string; isMap: boolean; isNegated: boolean }): Uint8Array {
  return expression("lookup", [
    encodeString(1, options.set),
    number(2, NFT_REG32_00),
    ...(options.isMap ? [number(3, NFT_REG32_00)] : []),
    ...(options.isNegated ? [number(5, NFT_LOOKUP_F_INV)] : []),
  ]);
}

function encodeStatement(statement: Statement): Uint8Array[] {
  switch (statement.op) {
    case "interface":
      return [
        load(statement.field, NFT_REG32_00),
        compare(NFT_REG32_00, encodeInterfaceName(statement.name), statement.isNegated === true),
      ];
    case "address":
      return [
        load(statement.field, NFT_REG32_00),
        ...(statement.prefixLength === 32 ? [] : [maskRegister(NFT_REG32_00, networkMask(statement.prefixLength))]),
        compare(NFT_REG32_00, encodeIpv4(statement.address), statement.isNegated === true),
      ];
    case "ct-state":
      return anyBit(
        "ct state",
        statement.states.reduce((bits, state) => bits | STATE_BITS[state], 0),
      );
    case "ct-status-dnat":
      return anyBit("ct status", IPS_DST_NAT);
    case "fib-daddr-local":
      return [load("fib daddr type", NFT_REG32_00), compare(NFT_REG32_00, hostOrder(RTN_LOCAL), false)];
    case "in-set":
      return [
        ...loadAll(statement.fields),
        lookup({ set: statement.set, isMap: false, isNegated: statement.isNegated === true }),
      ];
    case "dnat-map":
      return [
        ...loadAll(statement.fields),
        lookup({ set: statement.map, isMap: true, isNegated: false }),
        // The map's value is in the registers now: address, then port.
        expression("nat", [
          number(1, NFT_NAT_DNAT),
          number(2, NFPROTO_IPV4),
          number(3, NFT_REG32_00),
          number(5, NFT_REG32_00 + 1),
        ]),
      ];
    case "counter":
      return [expression("counter", [encodeUint64BigEndian(1, 0n), encodeUint64BigEndian(2, 0n)])];
    case "masquerade":
      return [expression("masq", [])];
    case "accept":
    case "drop":
    case "return":
    case "jump":
      return [immediate(statement)];
  }
}

/** The expressions of a rule, to go into NFTA_RULE_EXPRESSIONS. */
export function encodeExpressions(rule: Rule): Uint8Array[] {
  return rule.statements.flatMap(encodeStatement);
}
