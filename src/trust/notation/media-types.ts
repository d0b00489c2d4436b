/** What notation's signatures are called in registries (notaryproject/specifications). */
export const NOTATION = {
  artifact: "application/vnd.cncf.notary.signature",
  jws: "application/jose+json",
  cose: "application/cose",
  payload: "application/vnd.cncf.notary.payload.v1+json",
  thumbprints: "io.cncf.notary.x509chain.thumbprint#S256",
} as const;
