/** What the suite of registries says of itself. */
export interface RegistryReport {
  readonly passed: number;
  readonly failed: number;
  /** Switched off ones included. */
  readonly skipped: number;
  /** Every test that did not pass, with what was wrong. */
  readonly others: readonly { readonly name: string; readonly status: string; readonly why: readonly string[] }[];
}

/**
 * Reads the report that the suite prints: a tree of tests with their statuses, then how often there was each.
 *
 * @throws if there is no such report: it failed before.
 */
export function parseReport(output: string): RegistryReport {
  const [tree = ""] = output.split(/^Configuration:$/m);
  const summary = output.slice(output.lastIndexOf("OCI Conformance Result: "));
  const count = (status: string): number => {
    const found = new RegExp(`^ *${status}\\.*: *(\\d+)$`, "m").exec(summary)?.[1];
    if (found === undefined) throw new Error(`the suite did not come to its end:\n${output.slice(-2000)}`);
    return Number(found);
  };
  return {
    passed: count("Pass"),
    failed: count("FAIL") + count("Error"),
    skipped: count("Skip") + count("Disabled"),
    others: leaves(tree).filter(({ status }) => status !== "Pass"),
  };
}

/** Tests that have none below them; those above say the same again. */
function leaves(tree: string): { readonly name: string; readonly status: string; readonly why: string[] }[] {
  const found: { readonly name: string; readonly status: string; readonly why: string[] }[] = [];
  for (const line of tree.split("\n")) {
    const [, name, status] =
      /^ *(OCI Conformance Test(?:\/.*)?): (Pass|Skip|Disabled|FAIL|Error|Unknown)$/.exec(line) ?? [];
    if (name === undefined || status === undefined) {
      if (line.trim() !== "") found.at(-1)?.why.push(line.replace(/^ *- /, "").trim());
      continue;
    }
    const last = found.at(-1);
    if (last !== undefined && name.startsWith(`${last.name}/`)) found.pop();
    found.push({ name, status, why: [] });
  }
  return found.map((leaf) => ({ ...leaf, name: leaf.name.replace(/^OCI Conformance Test\//, "") }));
}
