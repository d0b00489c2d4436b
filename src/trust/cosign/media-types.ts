/** What cosign's signatures are called in registries (sigstore/cosign, specs). */
export const COSIGN = {
  simpleSigning: "application/vnd.dev.cosign.simplesigning.v1+json",
  /** The artifact type of signatures that refer to an image (cosign's `oci-1-1` mode). */
  artifact: "application/vnd.dev.cosign.artifact.sig.v1+json",
  signatureAnnotation: "dev.cosignproject.cosign/signature",
  certificateAnnotation: "dev.sigstore.cosign/certificate",
  payloadType: "cosign container image signature",
  predicateType: "https://sigstore.dev/cosign/sign/v1",
} as const;

const BUNDLE_TYPE = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v0\.[0-9]+)?\+json(?:;version=0\.[0-9]+)?$/;

/** The form of bundle that is read and written; 0.1 and 0.2 were never written for images. */
export const SIGSTORE_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";

export function isSigstoreBundle(type: string): boolean {
  return BUNDLE_TYPE.test(type);
}
