import type { NamedReport } from "../../daemon/trust-tools.ts";
import { familiarReference } from "../../oci/reference.ts";
import { alignColumns } from "./align-columns.ts";

/** `gantry image trust --format json`. */
export interface TrustReportFields {
  readonly Reference: string;
  readonly Digest: string;
  /** accept, warn, reject */
  readonly Verdict: string;
  /** Goes on after "the image". */
  readonly Reason: string;
  /** The file of the policy. */
  readonly Policy: string;
  /** The images that the rule speaks of; empty: no rule does. */
  readonly Rule: string;
  readonly Threshold: number;
  readonly Signatures: readonly TrustSignatureFields[];
}

export interface TrustSignatureFields {
  readonly Format: string;
  /** What was signed: the index, or the manifest. */
  readonly Subject: string;
  /** Where the signature is. */
  readonly Manifest: string;
  /** Proven; empty where it is not known. */
  readonly Signer: string;
  /** Of the signer's key. */
  readonly Fingerprint: string;
  /** True if it meets a requirement of the rule. */
  readonly Counts: boolean;
  /** Why it does not. */
  readonly Problem: string;
  readonly SignedAt: string;
  readonly Annotations: Readonly<Record<string, string>>;
}

export function describeTrust(report: NamedReport): TrustReportFields {
  const { reference, target, decision, policyPath, rule, verdicts } = report;
  return {
    Reference: familiarReference(reference),
    Digest: target.digest,
    Verdict: decision.verdict,
    Reason: decision.reason,
    Policy: policyPath,
    Rule: rule?.scope.text ?? "",
    Threshold: rule?.threshold ?? 0,
    Signatures: verdicts.map(({ found, signer, meets, problem, signedMs, annotations }) => ({
      Format: found.format,
      Subject: found.subject.digest,
      Manifest: found.manifest,
      Signer: signer?.name ?? "",
      Fingerprint: signer?.fingerprint ?? "",
      Counts: meets.length > 0,
      Problem: problem ?? "",
      SignedAt: signedMs === undefined ? "" : new Date(signedMs).toISOString(),
      Annotations: annotations,
    })),
  };
}

/** A line for each signature; nothing where there is none. What others wrote is shown without the power to move a cursor. */
export function trustTable({ Signatures }: TrustReportFields): string {
  if (Signatures.length === 0) return "";
  const rows = Signatures.map(({ Format, Subject, Signer, Counts, Problem }) =>
    [Format, Subject.slice(7, 19), Counts ? "yes" : "no", Signer || "-", Problem || "-"].map(plain).join("\t"),
  );
  return `${alignColumns(["FORMAT\tSUBJECT\tCOUNTS\tSIGNER\tPROBLEM", ...rows].join("\n"))}\n`;
}

function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, "?");
}
