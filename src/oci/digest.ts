declare const brand: unique symbol;

/** A content address, `sha256:<64 hex digits>` or `sha512:<128 hex digits>` (OCI image-spec, descriptor.md, Digests). */
export type Digest = string & { readonly [brand]: "Digest" };

/** The registered algorithms (OCI image-spec, descriptor.md), as `node:crypto` names them too. */
export type DigestAlgorithm = "sha256" | "sha512";

const HEX_LENGTHS: Readonly<Record<string, number>> = { sha256: 64, sha512: 128 };

/** True if `text` is a digest of a registered algorithm, in canonical form. */
export function isDigest(text: string): text is Digest {
  const [, algorithm = "", hex = ""] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(text) ?? [];
  return hex !== "" && HEX_LENGTHS[algorithm] === hex.length;
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The hexadecimal part. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}
