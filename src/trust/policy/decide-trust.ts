import type { TrustRule } from "./trust-policy.ts";

/** What is proven: that a signer meets a requirement. */
export interface Proof {
  /** The requirement's number. */
  readonly requirement: number;
  /** Who it was; one signer meets one requirement, however often. */
  readonly signer: string;
}

/** What is known of an image when it is decided upon. */
export interface Evidence {
  readonly proofs: readonly Proof[];
  /** How many signatures were found. */
  readonly signatures: number;
  /** Why the first of those that meet nothing does not. */
  readonly problem?: string | undefined;
}

export interface Decision {
  readonly verdict: "accept" | "warn" | "reject";
  /** A sentence without its subject: "has no signature". */
  readonly reason: string;
}

/** Decides, of what is known alone. An image that no rule speaks of is accepted. */
export function decideTrust(rule: TrustRule | undefined, evidence: Evidence): Decision {
  if (rule === undefined) return { verdict: "accept", reason: "is named by no rule of the policy" };
  const { action, threshold, require, scope } = rule;
  if (action === "accept")
    return { verdict: "accept", reason: `is accepted by the rule for ${scope.text}, signed or not` };
  if (require.length === 0)
    return { verdict: action, reason: `is refused by the rule for ${scope.text}, signed or not` };
  const met = countMet(evidence.proofs);
  const wanted = `${threshold} of ${require.length} wanted`;
  if (met >= threshold) return { verdict: "accept", reason: `is signed by ${met} (${wanted})` };
  return { verdict: action, reason: shortfall(met, wanted, evidence) };
}

function shortfall(met: number, wanted: string, { signatures, problem }: Evidence): string {
  if (signatures === 0) return `has no signature (${wanted})`;
  if (met > 0) return `is signed by ${met} only (${wanted})`;
  const many = signatures === 1 ? "a signature that does not count" : `${signatures} signatures, none of which counts`;
  return `has ${many}${problem === undefined ? "" : `: ${problem}`}`;
}

/**
 * How many requirements are met by as many different signers: the largest matching between the two. Who fits two requirements
 * stands for one of them.
 */
function countMet(proofs: readonly Proof[]): number {
  const signers = Map.groupBy(proofs, ({ signer }) => signer);
  const takenBy = new Map<number, string>();
  const place = (signer: string, tried: Set<number>): boolean =>
    (signers.get(signer) ?? []).some(({ requirement }) => {
      if (tried.has(requirement)) return false;
      tried.add(requirement);
      const holder = takenBy.get(requirement);
      if (holder !== undefined && !place(holder, tried)) return false;
      takenBy.set(requirement, signer);
      return true;
    });
  for (const signer of signers.keys()) place(signer, new Set());
  return takenBy.size;
}
