import type { PullGate } from "../image/pull/pull-gate.ts";
import { trustReader } from "./trust-file.ts";

/**
 * Lets in what the trust policy lets in; its signatures are looked for where the image comes from. What verifies them is loaded
 * once there is a policy: without one, a pull pays nothing.
 */
export function trustGate(policyPath: string | undefined): PullGate {
  const policy = trustReader(policyPath);
  return {
    async admit({ reference, documents, client, from, signal }) {
      if (policy().policy.rules.length === 0) return [];
      const [{ ImageTrust }, { registrySignatures }] = await Promise.all([
        import("../trust/image-trust.ts"),
        import("../trust/registry-signatures.ts"),
      ]);
      const source = registrySignatures(client, from, { signal });
      return await new ImageTrust({ policy, now: Date.now }).admit({ reference, documents, source });
    },
  };
}
