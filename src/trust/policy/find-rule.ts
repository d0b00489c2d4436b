import type { Reference } from "../../oci/reference.ts";
import { scopeWeight } from "./scope.ts";
import type { TrustPolicy, TrustRule } from "./trust-policy.ts";

/** The rule for an image: of those that speak of it the most specific, and no other; `undefined` where none does. */
export function findRule(policy: TrustPolicy, reference: Reference): TrustRule | undefined {
  let found: { readonly rule: TrustRule; readonly weight: number } | undefined;
  for (const rule of policy.rules) {
    const weight = scopeWeight(rule.scope, reference);
    if (weight > (found?.weight ?? 0)) found = { rule, weight };
  }
  return found?.rule;
}
