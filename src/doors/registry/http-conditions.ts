import { RegistryError } from "../../distribution/repositories/registry-error.ts";
import type { Digest } from "../../oci/digest.ts";

/** A digest as an entity tag: what has the digest never changes (RFC 9110, section 8.8.3). */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

function lists(header: string, digest: Digest | undefined): boolean {
  if (digest === undefined) return false;
  if (header.trim() === "*") return true;
  // docker-registry takes the digest without its quotes too.
  return header
    .split(",")
    .some((item) => [entityTag(digest), digest].includes(item.trim().replace(/^W\//, "") as Digest));
}

/** True if the client has it already: answer 304 (RFC 9110, section 13.1.2). */
export function isNotModified(headers: Headers, digest: Digest): boolean {
  const header = headers.get("if-none-match");
  return header !== null && lists(header, digest);
}

/** Checks If-Match of a request that reads (RFC 9110, section 13.1.1). @throws RegistryError 412 */
export function requireMatch(headers: Headers, current: Digest): void {
  const header = headers.get("if-match");
  if (header !== null && !lists(header, current)) throw conditionFailed(current);
}

/**
 * Checks If-Match and If-None-Match of a request that changes something (RFC 9110, section 13.1).
 *
 * @param current what is there now.
 * @throws RegistryError 412
 */
export function requireConditions(headers: Headers, current: Digest | undefined): void {
  const [ifMatch, ifNoneMatch] = [headers.get("if-match"), headers.get("if-none-match")];
  const fails = (ifMatch !== null && !lists(ifMatch, current)) || (ifNoneMatch !== null && lists(ifNoneMatch, current));
  if (fails) throw conditionFailed(current);
}

function conditionFailed(current: Digest | undefined): RegistryError {
  const words = `the condition of the request does not hold: there is ${current ?? "nothing"} now`;
  return new RegistryError("DENIED", words, { status: 412, hint: "look at what is there, and try again" });
}
