import type { PublicKey } from "./keys/public-key.ts";
import type { Certificate } from "./notation/certificate.ts";
import type { DistinguishedName } from "./notation/distinguished-name.ts";
import type { IdentityRule } from "./policy/claimed-identity.ts";
import type { TrustStoreType } from "./policy/trust-policy.ts";

/** Who must have signed, with what is needed to find that out. */
export type Requirement =
  | { readonly kind: "key"; readonly label: string; readonly key: PublicKey; readonly identity: IdentityRule }
  | {
      readonly kind: "certificates";
      readonly label: string;
      readonly store: TrustStoreType;
      readonly trusted: readonly Certificate[];
      /** `undefined`: anybody whom these certified. */
      readonly identities: readonly DistinguishedName[] | undefined;
    };
