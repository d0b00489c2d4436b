import { GantryError, isGantryError } from "../errors/gantry-error.ts";
import type { Descriptor } from "../oci/image.ts";
import { familiarReference, type Reference } from "../oci/reference.ts";
import { findSignatures, SIGNATURES_MAX, type SignatureSource } from "./find-signatures.ts";
import type { FoundSignature } from "./found-signature.ts";
import { type Decision, decideTrust } from "./policy/decide-trust.ts";
import { findRule } from "./policy/find-rule.ts";
import { loadRequirements } from "./policy/load-requirements.ts";
import type { TrustPolicy, TrustRule } from "./policy/trust-policy.ts";
import { type SignatureVerdict, verifySignature } from "./verify-signature.ts";

/** The policy as its file has it now. */
export interface PolicyFile {
  readonly policy: TrustPolicy;
  /** For messages. */
  readonly path: string;
  /** Where its relative paths start. */
  readonly folder: string;
}

export interface ImageTrustParts {
  /** Asked anew for each image. @throws if the file cannot be understood: then nothing is accepted. */
  readonly policy: () => PolicyFile;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** An image on its way: what its name was resolved to, down to the manifest that is to be stored. */
export interface ImageToTrust {
  readonly reference: Reference;
  /** Indexes first, the manifest last: a signature of any of them counts, since each fixes all that follow. */
  readonly documents: readonly Descriptor[];
  /** Where its signatures are. */
  readonly source: SignatureSource;
}

export interface TrustReport {
  readonly rule: TrustRule | undefined;
  readonly decision: Decision;
  readonly verdicts: readonly SignatureVerdict[];
  /** The rule's file. */
  readonly policyPath: string;
}

/** Holds images against the policy. */
export class ImageTrust {
  readonly #parts: ImageTrustParts;

  constructor(parts: ImageTrustParts) {
    this.#parts = parts;
  }

  /** Finds an image's signatures and what the policy makes of them, whatever that is. */
  async report(image: ImageToTrust): Promise<TrustReport> {
    const { policy, path, folder } = this.#parts.policy();
    const rule = findRule(policy, image.reference);
    const requirements = loadRequirements(rule?.require ?? [], folder);
    const found = await findAll(image);
    const context = { reference: image.reference, requirements, nowMs: this.#parts.now() };
    const verdicts = found.map((signature) => verifySignature(signature, context));
    const proofs = verdicts.flatMap(({ meets, signer }) =>
      signer === undefined ? [] : meets.map((requirement) => ({ requirement, signer: signer.fingerprint })),
    );
    const problem = verdicts.find((verdict) => verdict.problem !== undefined)?.problem;
    const decision = decideTrust(rule, { proofs, signatures: verdicts.length, problem });
    return { rule, decision, verdicts, policyPath: path };
  }

  /**
   * Lets an image pass, or throws. Nothing is asked of the registry where no rule wants a signature.
   *
   * @returns warnings.
   * @throws `permission-denied` if the policy rejects it; whatever the registry's failing throws, unless the rule only warns.
   */
  async admit(image: ImageToTrust): Promise<readonly string[]> {
    const { policy } = this.#parts.policy();
    const rule = findRule(policy, image.reference);
    if (rule === undefined || rule.action === "accept") return [];
    const name = familiarReference(image.reference);
    let report: TrustReport;
    try {
      report = await this.report(image);
    } catch (error) {
      if (rule.action !== "warn" || !isGantryError(error) || error.code === "cancelled") throw error;
      return [`cannot verify the signatures of ${name}: ${error.message}`];
    }
    const { verdict, reason } = report.decision;
    if (verdict === "accept") return [];
    if (verdict === "warn") return [`image ${name} ${reason}`];
    throw new GantryError("permission-denied", `image ${name} is rejected by the trust policy: it ${reason}`, {
      hint: `${report.policyPath} has the rule for ${rule.scope.text}; see \`gantry image trust ${name}\``,
    });
  }
}

async function findAll({ documents, source }: ImageToTrust): Promise<readonly FoundSignature[]> {
  const found: FoundSignature[] = [];
  for (const document of documents) {
    if (found.length < SIGNATURES_MAX) found.push(...(await findSignatures(source, document)));
  }
  return found;
}
