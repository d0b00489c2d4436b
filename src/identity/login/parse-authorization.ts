/** What an `Authorization` header brings. */
export type Credentials =
  | { readonly kind: "basic"; readonly name: string; readonly password: string }
  | { readonly kind: "bearer"; readonly token: string };

const HEADER_LENGTH_MAX = 16_384;
const SCHEME = /^([A-Za-z]+) +([A-Za-z0-9._~+/=-]+)$/;

/**
 * Reads an `Authorization` header (RFC 7617, RFC 6750).
 *
 * @returns undefined if it is no credentials of these kinds.
 */
export function parseAuthorization(header: string): Credentials | undefined {
  const [, scheme, value = ""] = header.length > HEADER_LENGTH_MAX ? [] : (SCHEME.exec(header.trim()) ?? []);
  if (scheme?.toLowerCase() === "bearer") return { kind: "bearer", token: value };
  if (scheme?.toLowerCase() !== "basic") return undefined;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(value, "base64"));
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { kind: "basic", name: text.slice(0, colon), password: text.slice(colon + 1) };
}
