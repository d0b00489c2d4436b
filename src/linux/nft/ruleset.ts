/**
 * A table of nf_tables as a value: what is wanted, to be formatted (for people and golden tests) or encoded (for the kernel).
 * Only what the project uses; nft(8) is the vocabulary.
 */

/** What of a packet is looked at. */
export type Field =
  | "iifname"
  | "oifname"
  | "ip saddr"
  | "ip daddr"
  | "meta l4proto"
  | "th dport"
  | "ct state"
  | "ct status"
  | "fib daddr type";

/** The type of one part of a set's key. */
export type KeyType = "ifname" | "ipv4_addr" | "inet_proto" | "inet_service";

/** A part of an element, as text: `gn0`, `172.17.0.2`, `tcp`, `8080`. */
export type KeyPart = string;

export type Verdict =
  | { readonly op: "accept" }
  | { readonly op: "drop" }
  | { readonly op: "return" }
  | { readonly op: "jump"; readonly chain: string };

export type Statement =
  /** `iifname "gn0"`; a name that ends in `*` is a prefix. */
  | {
      readonly op: "interface";
      readonly field: "iifname" | "oifname";
      readonly name: string;
      readonly isNegated?: boolean;
    }
  /** `ip saddr 172.17.0.0/16` */
  | {
      readonly op: "address";
      readonly field: "ip saddr" | "ip daddr";
      readonly address: string;
      readonly prefixLength: number;
      readonly isNegated?: boolean;
    }
  /** `ct state established,related`: any of these. */
  | { readonly op: "ct-state"; readonly states: readonly ("established" | "related" | "invalid" | "new")[] }
  /** `ct status dnat`: the destination was rewritten. */
  | { readonly op: "ct-status-dnat" }
  /** `fib daddr type local`: the destination is an address of this machine. */
  | { readonly op: "fib-daddr-local" }
  /** `iifname . oifname @within` */
  | { readonly op: "in-set"; readonly fields: readonly Field[]; readonly set: string; readonly isNegated?: boolean }
  | { readonly op: "counter" }
  | { readonly op: "masquerade" }
  /** `dnat ip to meta l4proto . th dport map @published`; nothing happens where the map has no such key. */
  | { readonly op: "dnat-map"; readonly fields: readonly Field[]; readonly map: string }
  | Verdict;

export interface Rule {
  readonly statements: readonly Statement[];
  /** Kept by the kernel with the rule. */
  readonly comment?: string;
}

export interface Chain {
  readonly name: string;
  /** Present: packets come in at this point of their way; absent: only by a jump. */
  readonly hook?: {
    readonly type: "filter" | "nat";
    readonly point: "prerouting" | "input" | "forward" | "output" | "postrouting";
    /** Lower is earlier: raw −300, dstnat −100, filter 0, srcnat 100. */
    readonly priority: number;
  };
  readonly rules: readonly Rule[];
}

export interface NftSet {
  readonly name: string;
  readonly key: readonly KeyType[];
  /** Present: a map, to values of these types. */
  readonly value?: readonly KeyType[];
  readonly elements: readonly SetElement[];
}

export interface SetElement {
  readonly key: readonly KeyPart[];
  readonly value?: readonly KeyPart[];
}

export interface Ruleset {
  readonly family: "ip";
  readonly table: string;
  readonly sets: readonly NftSet[];
  readonly chains: readonly Chain[];
}

/** A change to the elements of a set that is there already. */
export interface ElementChange {
  readonly op: "add" | "delete";
  readonly set: NftSet;
  readonly elements: readonly SetElement[];
}
