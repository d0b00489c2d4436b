/** A JSON object of which nothing is known yet. */
export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads an object out of bytes; `undefined` for what is none, or is no UTF-8. */
export function decodeObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Strict base64 (RFC 4648, section 4); `undefined` for anything else: no two texts mean the same bytes. */
export function decodeBase64(text: unknown): Buffer | undefined {
  return decodeExactly(text, "base64");
}

/** Strict base64url without padding (RFC 7515, section 2). */
export function decodeBase64Url(text: unknown): Buffer | undefined {
  return decodeExactly(text, "base64url");
}

function decodeExactly(text: unknown, encoding: "base64" | "base64url"): Buffer | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  const bytes = Buffer.from(text, encoding);
  return bytes.toString(encoding) === text ? bytes : undefined;
}
