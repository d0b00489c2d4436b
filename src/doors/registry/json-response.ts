/**
 * A document as the answer, whose length is said: what is made in memory is written to the access log as what is read from a file is.
 *
 * @param init headers in small letters; `content-type` is JSON's where they say none.
 */
export function jsonResponse(
  document: unknown,
  init: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const bytes = Buffer.from(JSON.stringify(document));
  const headers = { "content-type": "application/json", ...init.headers, "content-length": String(bytes.byteLength) };
  return new Response(bytes, { ...init, headers });
}
