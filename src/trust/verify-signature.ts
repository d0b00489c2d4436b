import { formatError, isGantryError } from "../errors/gantry-error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import { parseSigstoreBundle } from "./cosign/sigstore-bundle.ts";
import { parseSimpleSigning } from "./cosign/simple-signing.ts";
import type { FoundSignature } from "./found-signature.ts";
import { decodeBase64 } from "./json.ts";
import { isSignedBy } from "./keys/detached-signature.ts";
import { checkEnvelope } from "./notation/check-envelope.ts";
import { identityProblem } from "./policy/claimed-identity.ts";
import type { Requirement } from "./requirement.ts";

/** What one signature is worth under a policy. */
export interface SignatureVerdict {
  readonly found: FoundSignature;
  /** Which requirements it meets, by their numbers. */
  readonly meets: readonly number[];
  /** Who signed, proven: two signatures of the same signer count once. `undefined` where nobody that is known did. */
  readonly signer: Signer | undefined;
  /** Why it meets nothing; `undefined` if it does. */
  readonly problem: string | undefined;
  /** What the signer said beside; nothing unless the signature is verified. */
  readonly annotations: Readonly<Record<string, string>>;
  /** When it was signed, where that is said. */
  readonly signedMs: number | undefined;
}

export interface Signer {
  /** Of the key, or of the certificate's key. */
  readonly fingerprint: Digest;
  /** How people know it: the key's file, the certificate's subject. */
  readonly name: string;
}

export interface VerifyContext {
  /** The name that is pulled. */
  readonly reference: Reference;
  readonly requirements: readonly Requirement[];
  readonly nowMs: number;
}

/** What a signature states once it is decoded; each form has its own way there. */
interface Statement {
  readonly digests: readonly Digest[];
  /** The image's name in it, where the form has one. */
  readonly reference: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

interface KeySignature extends Statement {
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

const NOTHING = { meets: [], signer: undefined, annotations: {}, signedMs: undefined } as const;

/** Finds out what a signature is worth. Whatever is wrong with it is a verdict, and never an error: one bad signature hinders no good one. */
export function verifySignature(found: FoundSignature, context: VerifyContext): SignatureVerdict {
  try {
    return judge(found, context);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    return { ...NOTHING, found, problem: formatError(error) };
  }
}

function judge(found: FoundSignature, context: VerifyContext): SignatureVerdict {
  const { content } = found;
  switch (content.kind) {
    case "unreadable":
      return { ...NOTHING, found, problem: content.problem };
    case "cosign": {
      const signature = decodeBase64(content.signature);
      if (signature === undefined) return { ...NOTHING, found, problem: "its signature is not base64" };
      const { digest, reference, annotations } = parseSimpleSigning(content.payload);
      const made = { digests: [digest], reference, annotations, signed: content.payload, signature };
      return judgeKeySignature(found, context, made);
    }
    case "cosign-bundle": {
      const { signed, signature, statement } = parseSigstoreBundle(content.bundle);
      return judgeKeySignature(found, context, { ...statement, reference: undefined, signed, signature });
    }
    case "notation":
      return judgeEnvelope(found, context, content);
  }
}

/** Signatures by keys: whose they are, then whether they speak of this image. */
function judgeKeySignature(found: FoundSignature, context: VerifyContext, made: KeySignature): SignatureVerdict {
  const { requirements, reference } = context;
  const byKey = requirements.flatMap((requirement, index) =>
    requirement.kind === "key" && isSignedBy(requirement.key, made.signed, made.signature)
      ? [{ requirement, index }]
      : [],
  );
  const [first] = byKey;
  if (first === undefined) {
    const keys = requirements.filter(({ kind }) => kind === "key").length;
    const problem = keys === 0 ? "the policy has no key to verify it with" : "no key of the policy made it";
    return { ...NOTHING, found, problem };
  }
  const signer: Signer = { fingerprint: first.requirement.key.fingerprint, name: first.requirement.label };
  const verified = { ...NOTHING, found, signer, annotations: made.annotations };
  if (!made.digests.includes(found.subject.digest)) {
    return { ...verified, problem: `it was made for ${made.digests.join(", ") || "nothing"}, not for this image` };
  }
  const problems = byKey.map(({ requirement }) => identityProblem(requirement.identity, made.reference, reference));
  const meets = byKey.flatMap(({ index }, place) => (problems[place] === undefined ? [index] : []));
  return { ...verified, meets, problem: meets.length > 0 ? undefined : problems[0] };
}

function judgeEnvelope(
  found: FoundSignature,
  context: VerifyContext,
  envelope: { readonly mediaType: string; readonly bytes: Uint8Array },
): SignatureVerdict {
  const { requirements, nowMs } = context;
  const { signer, annotations, signedMs, problemFor } = checkEnvelope(envelope, found.subject, nowMs);
  const problems = requirements.map((requirement) =>
    requirement.kind === "certificates" ? problemFor(requirement) : undefined,
  );
  const meets = requirements.flatMap(({ kind }, index) =>
    kind === "certificates" && problems[index] === undefined ? [index] : [],
  );
  const trusted = { ...NOTHING, found, signedMs };
  if (meets.length > 0) return { ...trusted, meets, signer, annotations, problem: undefined };
  const problem = problems.find((text) => text !== undefined) ?? "the policy has no trust store to verify it with";
  // The name in an untrusted certificate is anybody's invention: it is told as such, and proves nothing.
  return { ...trusted, problem: `${problem} (its certificate says ${signer.name})` };
}
