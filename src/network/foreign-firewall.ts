import type { ChainName } from "../linux/nft/encode-ruleset.ts";
import type { ListedChain, NftSocket } from "../linux/nft/nft-socket.ts";
import type { Rule } from "../linux/nft/ruleset.ts";

const FILTER = "filter";
const DOCKER_USER = { table: FILTER, chain: "DOCKER-USER" } as const;
const FORWARD = { table: FILTER, chain: "FORWARD" } as const;

export interface ForeignFirewallOptions {
  /** Marks our rules in a table that is not ours. */
  readonly comment: string;
  /** What the names of all our bridges begin with. */
  readonly bridgePrefix: string;
}

/** Lets everything through that concerns our bridges: our own table decides about it. */
function foreignRules(options: ForeignFirewallOptions): Rule[] {
  return (["iifname", "oifname"] as const).map((field) => ({
    statements: [{ op: "interface", field, name: `${options.bridgePrefix}*` }, { op: "counter" }, { op: "accept" }],
    comment: options.comment,
  }));
}

/**
 * Makes dockerd's firewall let our packets pass: an *accept* in our table does not help where another table drops,
 * and dockerd sets the policy of `FORWARD` to drop. It keeps the chain `DOCKER-USER` for rules of others, which may not be
 * there yet when we start, and is emptied by nobody. Idempotent: looks first, and writes only what is missing.
 *
 * @returns sentences about what else on this host drops forwarded packets, and is not ours to change.
 */
export function openForeignFirewall(nft: NftSocket, options: ForeignFirewallOptions): string[] {
  const chains = nft.listChains();
  const hasDockerUser = chains.some((chain) => isChain(chain, DOCKER_USER));
  if (hasDockerUser) {
    const rules = foreignRules(options);
    const mine = listMine(nft, options.comment);
    if (mine.length !== rules.length) {
      nft.deleteRules(DOCKER_USER, mine);
      nft.insertRules(DOCKER_USER, rules);
    }
  }
  return chains
    .filter((chain) => chain.hook === "forward" && chain.policy === "drop")
    .filter((chain) => !(hasDockerUser && isChain(chain, FORWARD)))
    .map((chain) => describeDrop(chain, options));
}

/** Takes our rules out of others' tables. Idempotent. */
export function closeForeignFirewall(nft: NftSocket, options: Pick<ForeignFirewallOptions, "comment">): void {
  if (!nft.listChains().some((chain) => isChain(chain, DOCKER_USER))) return;
  nft.deleteRules(DOCKER_USER, listMine(nft, options.comment));
}

/**
 * What to say of iptables-legacy, whose rules nf_tables does not show.
 *
 * @param legacyTables the text of `/proc/net/ip_tables_names`: the tables that it has loaded.
 */
export function describeLegacyFirewall(
  legacyTables: string,
  options: Pick<ForeignFirewallOptions, "bridgePrefix">,
): string | undefined {
  if (!legacyTables.split("\n").includes(FILTER)) return undefined;
  const name = `${options.bridgePrefix}+`;
  return (
    "iptables-legacy filters on this host, and may drop what containers send: if they reach nothing, run " +
    `iptables-legacy -I FORWARD -i ${name} -j ACCEPT; iptables-legacy -I FORWARD -o ${name} -j ACCEPT`
  );
}

function listMine(nft: NftSocket, comment: string): bigint[] {
  const rules = nft.listRules(DOCKER_USER).filter((rule) => rule.comment === comment);
  return rules.map((rule) => rule.handle);
}

function isChain(chain: ListedChain, name: ChainName): boolean {
  return chain.family === "ip" && chain.table === name.table && chain.name === name.chain;
}

function describeDrop(chain: ListedChain, options: ForeignFirewallOptions): string {
  const place = `${chain.family} ${chain.table} ${chain.name}`;
  const match = (field: string): string => `nft insert rule ${place} ${field} '"${options.bridgePrefix}*"' accept`;
  return (
    `the firewall of this host (nftables chain ${place}) drops what is forwarded: if containers reach nothing, run ` +
    `${match("iifname")}; ${match("oifname")}`
  );
}
