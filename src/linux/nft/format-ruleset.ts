import type { Chain, NftSet, Rule, Ruleset, SetElement, Statement } from "./ruleset.ts";

const PRIORITY_NAMES: Readonly<Record<string, string>> = {
  "prerouting -300": "raw",
  "prerouting -100": "dstnat",
  "output -100": "-100",
  "postrouting 100": "srcnat",
  "forward 0": "filter",
  "input 0": "filter",
  "output 0": "filter",
};

/** A ruleset in nft's own words, as `nft --stateless list table` prints it. */
export function formatRuleset(ruleset: Ruleset): string {
  const blocks = [...ruleset.sets.map(formatSet), ...ruleset.chains.map(formatChain)];
  return `table ${ruleset.family} ${ruleset.table} {\n${blocks.join("\n")}}\n`;
}

function formatSet(set: NftSet): string {
  const kind = set.value === undefined ? "set" : "map";
  const type = set.key.join(" . ") + (set.value === undefined ? "" : ` : ${set.value.join(" . ")}`);
  const lines = [`\t${kind} ${set.name} {`, `\t\ttype ${type}`];
  if (set.elements.length > 0) {
    lines.push(`\t\telements = { ${set.elements.map((element) => formatElement(set, element)).join(", ")} }`);
  }
  return `${lines.join("\n")}\n\t}\n`;
}

function formatElement(set: NftSet, element: SetElement): string {
  const quote = (part: string, index: number): string => (set.key[index] === "ifname" ? `"${part}"` : part);
  const key = element.key.map(quote).join(" . ");
  return element.value === undefined ? key : `${key} : ${element.value.join(" . ")}`;
}

function formatChain(chain: Chain): string {
  const lines = [`\tchain ${chain.name} {`];
  if (chain.hook !== undefined) {
    const { type, point, priority } = chain.hook;
    const name = PRIORITY_NAMES[`${point} ${priority}`] ?? String(priority);
    lines.push(`\t\ttype ${type} hook ${point} priority ${name}; policy accept;`);
  }
  for (const rule of chain.rules) lines.push(`\t\t${formatRule(rule)}`);
  return `${lines.join("\n")}\n\t}\n`;
}

/** One rule in nft's words. */
function formatRule(rule: Rule): string {
  const words = rule.statements.map(formatStatement);
  if (rule.comment !== undefined) words.push(`comment "${rule.comment}"`);
  return words.join(" ");
}

function formatStatement(statement: Statement): string {
  switch (statement.op) {
    case "interface":
      return `${statement.field} ${statement.isNegated === true ? "!= " : ""}"${statement.name}"`;
    case "address": {
      const suffix = statement.prefixLength === 32 ? "" : `/${statement.prefixLength}`;
      return `${statement.field} ${statement.isNegated === true ? "!= " : ""}${statement.address}${suffix}`;
    }
    case "ct-state":
      return `ct state ${statement.states.join(",")}`;
    case "ct-status-dnat":
      return "ct status dnat";
    case "fib-daddr-local":
      return "fib daddr type local";
    case "in-set":
      return `${statement.fields.join(" . ")} ${statement.isNegated === true ? "!= " : ""}@${statement.set}`;
    case "dnat-map":
      return `dnat ip to ${statement.fields.join(" . ")} map @${statement.map}`;
    case "jump":
      return `jump ${statement.chain}`;
    case "counter":
    case "masquerade":
    case "accept":
    case "drop":
    case "return":
      return statement.op;
  }
}
