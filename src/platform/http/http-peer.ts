/** What node:tls says of a client's certificate that it has verified. */
export interface HttpPeerCertificate {
  readonly subject?: { readonly CN?: string | readonly string[] };
  readonly subjectaltname?: string;
}

/** Who is at the other end of a connection. */
export interface HttpPeer {
  /** An IP address. */
  readonly address: string;
  /** If one was asked for, sent, and verified. */
  readonly certificate?: HttpPeerCertificate;
  /** There is no descriptor to spare for its request: it is to ask again. @default false */
  readonly mustWait?: boolean;
}
