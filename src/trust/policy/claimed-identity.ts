import { withComparableHost } from "../../oci/comparable-host.ts";
import { formatReference, formatRepository, parseReference, type Reference } from "../../oci/reference.ts";

/**
 * What a signature that names an image must name (policy.json's `signedIdentity`):
 *
 * - `repository`: the repository that is pulled from, any tag (matchRepository);
 * - `exact`: the same tag too, or, where the pull is by digest, the repository (matchRepoDigestOrExact);
 * - `any`: whatever it likes, as cosign itself has it;
 * - a reference: that repository, and that tag where it has one (exactRepository, exactReference): for mirrors.
 *
 * Notation's signatures and cosign's bundles name no image but its digest: they count under `repository` and `any`.
 */
export type IdentityRule = "repository" | "exact" | "any" | Reference;

/**
 * Why a signature does not speak of the image that is pulled; `undefined` if it does.
 *
 * @param claimed the name in the signature; `undefined` where its form has none.
 */
export function identityProblem(
  rule: IdentityRule,
  claimed: string | undefined,
  pulled: Reference,
): string | undefined {
  if (rule === "any") return undefined;
  if (claimed === undefined) {
    return rule === "repository" ? undefined : "it names no image, and the policy wants it to";
  }
  const named = parse(claimed);
  if (named === undefined) return `the name in it, ${JSON.stringify(claimed.slice(0, 200))}, is no reference`;
  const wanted = typeof rule === "string" ? pulled : rule;
  const isTagBound = rule === "exact" ? pulled.tag !== undefined : typeof rule !== "string" && rule.tag !== undefined;
  const isSame = isTagBound
    ? named.tag !== undefined && isSameName(formatReference(named), formatReference(wanted))
    : isSameName(formatRepository(named), formatRepository(wanted));
  if (isSame) return undefined;
  return `it was made for ${claimed}, not for ${isTagBound ? formatReference(wanted) : formatRepository(wanted)}`;
}

function isSameName(left: string, right: string): boolean {
  return withComparableHost(left) === withComparableHost(right);
}

function parse(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
