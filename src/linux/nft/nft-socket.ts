import { type ErrorCode, GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import {
  decodeAttributes,
  decodeString,
  decodeUint32BigEndian,
  decodeUint64BigEndian,
  encodeString,
} from "../netlink/attributes.ts";
import { forgetConnections } from "../netlink/connection-tracking.ts";
import { NLM_F_ACK, NLM_F_REQUEST } from "../netlink/message.ts";
import { NetlinkSocket } from "../netlink/netlink-socket.ts";
import {
  type ChainName,
  decodeComment,
  encodeElementChange,
  encodeRule,
  encodeRuleDeletion,
  encodeRuleset,
  encodeTableDeletion,
  type NftMessage,
  nftMessage,
} from "./encode-ruleset.ts";
import type { ElementChange, Rule, Ruleset } from "./ruleset.ts";

const NFNL_MSG_BATCH_BEGIN = 16;
const NFNL_MSG_BATCH_END = 17;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETTABLE = 1;
const NFT_MSG_GETCHAIN = 4;
const NFT_MSG_GETRULE = 7;
const NFT_MSG_GETGEN = 16;
const NF_DROP = 0;
const NF_INET_FORWARD = 2;
/** struct nfgenmsg: the family, a version, and the subsystem in a batch's frame. */
const GENERAL_HEADER_BYTES = 4;
const FAMILIES: ReadonlyMap<number, ListedChain["family"]> = new Map([
  [1, "inet"],
  [2, "ip"],
  [10, "ip6"],
]);
/** The transaction is redone when another's came between (ERESTART, seen as EINTR or EAGAIN). */
const ATTEMPTS = 8;

/** A chain as the kernel lists it. */
export interface ListedChain {
  readonly family: "ip" | "ip6" | "inet" | "other";
  readonly table: string;
  readonly name: string;
  /** What happens to a packet at the chain's end; absent for a chain without a hook. */
  readonly policy: "accept" | "drop" | undefined;
  /** Where packets come in. */
  readonly hook: "forward" | "other" | undefined;
}

/** Reads an NFT_MSG_NEWCHAIN; `undefined` without its names. Total. */
export function decodeChain(payload: Uint8Array): ListedChain | undefined {
  const attributes = decodeAttributes(payload.subarray(GENERAL_HEADER_BYTES));
  const table = decodeString(attributes.get(1));
  const name = decodeString(attributes.get(3));
  if (table === undefined || name === undefined) return undefined;
  const policy = decodeUint32BigEndian(attributes.get(5));
  const hook = attributes.get(4);
  const isForward = hook !== undefined && decodeUint32BigEndian(decodeAttributes(hook).get(1)) === NF_INET_FORWARD;
  return {
    family: FAMILIES.get(payload[0] ?? 0) ?? "other",
    table,
    name,
    policy: policy === undefined ? undefined : policy === NF_DROP ? "drop" : "accept",
    hook: hook === undefined ? undefined : isForward ? "forward" : "other",
  };
}

/** A rule as the kernel lists it: who it is, not what it does. */
export interface ListedRule {
  readonly handle: bigint;
  readonly comment: string | undefined;
}

/** nf_tables of the network namespace in which it was opened, of family `ip`. */
export class NftSocket implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(): NftSocket {
    return new NftSocket(NetlinkSocket.open("netfilter"));
  }

  /** Makes a table be as the ruleset says, atomically, whatever it was. */
  apply(ruleset: Ruleset): void {
    this.#commit(encodeRuleset(ruleset), `write the nftables table ${ruleset.table}`);
  }

  /**
   * Changes elements of sets, all or nothing.
   *
   * @throws `not-found` if the table or the set is gone (another program may have flushed the ruleset) or an element to be
   * deleted is not there; `already-exists` if a key to be added to a map has another value.
   */
  changeElements(table: string, changes: readonly ElementChange[]): void {
    const messages = changes.flatMap((change) => encodeElementChange(table, change));
    if (messages.length > 0) this.#commit(messages, `change the nftables table ${table}`);
  }

  /** Deletes a table and everything in it. Idempotent. */
  deleteTable(table: string): void {
    if (this.hasTable(table)) this.#commit([encodeTableDeletion(table)], `delete the nftables table ${table}`);
  }

  /** A number that changes with every change of the ruleset, anybody's and of any table. */
  generation(): number | undefined {
    const answer = this.#socket.get({ ...nftMessage(NFT_MSG_GETGEN, []), cause: "ask for the ruleset's generation" });
    return decodeUint32BigEndian(
      decodeAttributes((answer?.payload ?? new Uint8Array()).subarray(GENERAL_HEADER_BYTES)).get(1),
    );
  }

  hasTable(table: string): boolean {
    const message = nftMessage(NFT_MSG_GETTABLE, [encodeString(1, table)]);
    return this.#socket.get({ ...message, cause: `look at the nftables table ${table}` }) !== undefined;
  }

  /** Every chain of all tables and families. */
  listChains(): ListedChain[] {
    const everyFamily = { ...nftMessage(NFT_MSG_GETCHAIN, []), payload: Buffer.alloc(GENERAL_HEADER_BYTES) };
    const messages = this.#socket.dump({ ...everyFamily, cause: "list the nftables chains" });
    return messages.map((message) => decodeChain(message.payload)).filter((chain) => chain !== undefined);
  }

  /** The rules of a chain, in order; none if there is no such chain. */
  listRules(place: ChainName): ListedRule[] {
    const message = nftMessage(NFT_MSG_GETRULE, [encodeString(1, place.table), encodeString(2, place.chain)]);
    const messages = this.#socket.dump({ ...message, cause: `list the rules of ${place.table} ${place.chain}` });
    return messages.flatMap((rule) => {
      const attributes = decodeAttributes(rule.payload.subarray(GENERAL_HEADER_BYTES));
      const handle = decodeUint64BigEndian(attributes.get(3));
      // A kernel that ignores the filter lists every chain.
      const isHere = decodeString(attributes.get(1)) === place.table && decodeString(attributes.get(2)) === place.chain;
      return handle === undefined || !isHere ? [] : [{ handle, comment: decodeComment(attributes.get(7)) }];
    });
  }

  /** Puts rules before everything in a chain of another's table, in the order given. */
  insertRules(place: ChainName, rules: readonly Rule[]): void {
    const messages = rules.toReversed().map((rule) => encodeRule(place, rule, { isFirst: true }));
    this.#commit(messages, `insert into the nftables chain ${place.table} ${place.chain}`);
  }

  /** Takes rules away. */
  deleteRules(place: ChainName, handles: readonly bigint[]): void {
    if (handles.length === 0) return;
    const messages = handles.map((handle) => encodeRuleDeletion(place, handle));
    this.#commit(messages, `delete from the nftables chain ${place.table} ${place.chain}`);
  }

  /** Makes the kernel forget the connections that an address answers. */
  forgetConnections(address: string): void {
    forgetConnections(this.#socket, address);
  }

  #commit(messages: readonly NftMessage[], cause: string): void {
    // struct nfgenmsg; the last two bytes name the subsystem, in network byte order.
    const frame = { flags: NLM_F_REQUEST, payload: Uint8Array.of(0, 0, 0, NFNL_SUBSYS_NFTABLES) };
    const batch = [
      { type: NFNL_MSG_BATCH_BEGIN, ...frame },
      ...messages.map((message) => ({ ...message, flags: (message.flags ?? 0) | NLM_F_REQUEST })),
      { type: NFNL_MSG_BATCH_END, ...frame },
    ];
    // One acknowledgement proves that the batch was looked at; objections come unasked.
    const last = batch[batch.length - 2];
    if (last !== undefined) batch[batch.length - 2] = { ...last, flags: last.flags | NLM_F_ACK };
    for (let attempt = 1; ; attempt++) {
      const objection = this.#socket.transact(batch, cause)[0];
      if (objection === undefined) return;
      const { errno, text } = objection.answer;
      const isTransient = errno === ERRNO.EINTR || errno === ERRNO.EAGAIN;
      if (isTransient && attempt < ATTEMPTS) continue;
      const words = text === undefined || text === "" ? "" : ` (${text})`;
      throw new GantryError(codeOf(errno), `cannot ${cause}: ${describeErrno(errno)}${words}`);
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function codeOf(errno: number): ErrorCode {
  switch (errno) {
    case ERRNO.ENOENT:
      return "not-found";
    case ERRNO.EEXIST:
      return "already-exists";
    case ERRNO.EPERM:
      return "permission-denied";
    case ERRNO.EOPNOTSUPP:
      return "unsupported";
    case ERRNO.ENOMEM:
      return "exhausted";
    default:
      return "internal";
  }
}
