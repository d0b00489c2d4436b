import type { Scope } from "./scope.ts";

/** Who asks. */
export interface Identity {
  /** Undefined: anonymous. */
  readonly name: string | undefined;
  readonly groups: readonly string[];
  readonly method: "anonymous" | "basic" | "token" | "certificate";
  /** A token's own limits, if it came by one: they only ever narrow what the rules give. */
  readonly scopes?: readonly Scope[];
  /** Where the request came from, for the audit. */
  readonly address: string;
}

/** What a client's certificate says, once TLS has verified it against the authority that the server trusts. */
export interface ClientCertificate {
  readonly commonName?: string;
  readonly dnsNames: readonly string[];
  /** `spiffe://example.org/build` among them. */
  readonly uris: readonly string[];
}

/** What a request brings to say who asks. */
export interface AskedBy {
  /** The header's value. */
  readonly authorization?: string;
  /** Only of a connection whose certificate was verified. */
  readonly certificate?: ClientCertificate;
  /** The client's IP address, without its port. */
  readonly address: string;
}

/** Whether something may be done, and because of what. */
export interface Decision {
  readonly isAllowed: boolean;
  /** A clause without secrets, naming the rule: `access.toml:12 lets group team push to team/**`. */
  readonly reason: string;
}
