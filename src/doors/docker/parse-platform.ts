import type { Platform } from "../../oci/image.ts";
import { RequestError } from "./error-status.ts";

/** Reads the `platform` of a query: `os[/arch[/variant]]`, or (API 1.48 on) JSON of an OCI platform. */
export function parsePlatform(text: string | undefined): Platform | undefined {
  if (text === undefined) return undefined;
  const invalid = new RequestError(400, `invalid platform: ${JSON.stringify(text.slice(0, 100))}`);
  if (!text.startsWith("{")) {
    const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9_]+)(?:\/([a-z0-9]+))?$/.exec(text) ?? [];
    if (os === undefined || architecture === undefined) throw invalid;
    return { os, architecture, ...(variant === undefined ? {} : { variant }) };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid;
  }
  const { os, architecture, variant } = parsed as Partial<Record<keyof Platform, unknown>>;
  if (typeof os !== "string" || typeof architecture !== "string") throw invalid;
  if (variant !== undefined && typeof variant !== "string") throw invalid;
  return { os, architecture, ...(variant ? { variant } : {}) };
}
