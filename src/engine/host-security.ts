import { ensureDefaultProfile } from "../linux/security/load-profile.ts";
import { checkRelabel, labelOf, relabel } from "../linux/security/relabel.ts";
import { readSecurityFacts } from "../linux/security/security-facts.ts";
import { readContainerLabels } from "../linux/security/selinux-policy.ts";
import type { EngineSecurity } from "./dependencies.ts";

/** Mandatory access control of this host, as it is now. */
export function hostSecurity(): EngineSecurity {
  const facts = readSecurityFacts();
  const labels = facts.selinux ? readContainerLabels() : undefined;
  let loading: Promise<boolean> | undefined;
  return {
    facts,
    ...(labels === undefined ? {} : { labels }),
    ensureDefaultProfile() {
      // Looked at again for each container: a service of the host may unload profiles; loaded once by all at the same time.
      loading ??= ensureDefaultProfile().finally(() => {
        loading = undefined;
      });
      return loading;
    },
    checkRelabel,
    labelOf,
    relabel,
  };
}
