import { getCACertificates } from "node:tls";

let known: readonly string[] | undefined;

/**
 * The certificates of authorities that this host trusts, in PEM: the runtime's own and those that its administrator has installed, which
 * the runtime leaves out (unless `NODE_USE_SYSTEM_CA` was set when it began). Read once, at the first use.
 */
export function trustedAuthorities(): readonly string[] {
  known ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  return known;
}
