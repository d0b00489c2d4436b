import type { PublicKey } from "../keys/public-key.ts";
import type { DistinguishedName } from "../notation/distinguished-name.ts";
import type { IdentityRule } from "./claimed-identity.ts";
import type { Scope } from "./scope.ts";

/** What happens to an image that has not the signatures which a rule wants. `accept`: nothing, they are not even looked for. */
export type TrustAction = "reject" | "warn" | "accept";

/** Who must have signed: by a key (cosign), or by a certificate that leads to a trust store (notation). */
export type RequirementSource =
  | { readonly kind: "key-file"; readonly path: string; readonly identity: IdentityRule }
  | { readonly kind: "key"; readonly key: PublicKey; readonly identity: IdentityRule }
  | {
      readonly kind: "certificates";
      readonly store: TrustStoreType;
      /** A certificate file, or a folder of them. */
      readonly path: string;
      /** Whose certificates count; `undefined`: of anybody whom these authorities certified. */
      readonly identities: readonly DistinguishedName[] | undefined;
    };

/** Notation's kinds of trust stores, of those that are supported. */
export type TrustStoreType = "ca" | "signingAuthority";

export interface TrustRule {
  readonly scope: Scope;
  readonly action: TrustAction;
  /** So many of `require`, by so many different signers. */
  readonly threshold: number;
  readonly require: readonly RequirementSource[];
}

/** The content of `trust.toml`. An image that no rule speaks of is accepted. */
export interface TrustPolicy {
  readonly rules: readonly TrustRule[];
}

/** What holds where there is no `trust.toml`. */
export const ACCEPT_ALL: TrustPolicy = { rules: [] };
