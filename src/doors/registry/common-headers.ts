/** Of every answer, unless it says otherwise. Artifacts have whatever type their pusher chose: no browser is to run them. */
const COMMON_HEADERS = {
  // What clients know a registry by (Docker Registry HTTP API V2, "API Version Check").
  "docker-distribution-api-version": "registry/2.0",
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
} as const;

/** Adds what every answer of the registry carries. */
export function addCommonHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(COMMON_HEADERS)) if (!headers.has(name)) headers.set(name, value);
}
