import type { Platform } from "../../oci/image.ts";
import { normalizePlatform, parsePlatform } from "../../oci/platform.ts";
import { RequestError } from "./error-status.ts";

/**
 * Reads the `platform` of a query: `os[/arch[/variant]]`, or (API 1.48 on) JSON of an OCI platform.
 *
 * @throws 400, `invalid-argument`
 */
export function parsePlatformQuery(text: string | undefined): Platform | undefined {
  if (text === undefined) return undefined;
  if (!text.startsWith("{")) return parsePlatform(text);
  const invalid = new RequestError(400, `invalid platform: ${JSON.stringify(text.slice(0, 100))}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid;
  }
  const { os, architecture, variant } = parsed as Partial<Record<keyof Platform, unknown>>;
  if (typeof os !== "string" || typeof architecture !== "string") throw invalid;
  if (variant !== undefined && typeof variant !== "string") throw invalid;
  return normalizePlatform({ os, architecture, ...(variant ? { variant } : {}) });
}
