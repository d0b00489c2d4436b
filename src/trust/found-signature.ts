import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image.ts";

export type SignatureFormat = "cosign" | "cosign-bundle" | "notation";

/** A signature as a registry holds it: nothing in it is verified. */
export interface FoundSignature {
  readonly format: SignatureFormat;
  /** The manifest or index that it was found beside. */
  readonly subject: Descriptor;
  /** The manifest that holds it. */
  readonly manifest: Digest;
  readonly content: SignatureContent;
}

export type SignatureContent =
  | { readonly kind: "cosign"; readonly payload: Uint8Array; readonly signature: string | undefined }
  | { readonly kind: "cosign-bundle"; readonly bundle: Uint8Array }
  | { readonly kind: "notation"; readonly mediaType: string; readonly bytes: Uint8Array }
  /** It could not be read, or is of a kind that is not supported. */
  | { readonly kind: "unreadable"; readonly problem: string };
