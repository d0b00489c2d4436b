import { RegistryError, type RegistryErrorCode } from "../../distribution/repositories/registry-error.ts";
import { type ErrorCode, formatError, GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { jsonResponse } from "./json-response.ts";

/** The status of each of the specification's codes (distribution-spec, "Error Codes" and the endpoints' failures). */
const REGISTRY_STATUS: Readonly<Record<RegistryErrorCode, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
};

/** What is said of errors that the specification has no code for. */
const OTHER: Readonly<
  Record<ErrorCode, { readonly status: number; readonly code: RegistryErrorCode | "UNKNOWN" | "UNAVAILABLE" }>
> = {
  "invalid-argument": { status: 400, code: "UNSUPPORTED" },
  "not-found": { status: 404, code: "NAME_UNKNOWN" },
  "already-exists": { status: 409, code: "UNSUPPORTED" },
  conflict: { status: 409, code: "UNSUPPORTED" },
  "permission-denied": { status: 403, code: "DENIED" },
  unavailable: { status: 503, code: "UNAVAILABLE" },
  // A full disk (RFC 4918, "507 Insufficient Storage"); a quota is DENIED, a limit of requests TOOMANYREQUESTS.
  exhausted: { status: 507, code: "UNAVAILABLE" },
  "data-loss": { status: 500, code: "UNKNOWN" },
  cancelled: { status: 499, code: "UNKNOWN" },
  unsupported: { status: 405, code: "UNSUPPORTED" },
  internal: { status: 500, code: "UNKNOWN" },
};

/** When whoever heard that the registry is unavailable should ask again. */
const RETRY_SECONDS = 1;

/** The response that tells an error: `{"errors":[{"code","message","detail"}]}` (distribution-spec, "Error Codes"). */
export function errorResponse(error: unknown): Response {
  const { status, code, detail } = classify(error);
  const message = isGantryError(error) ? sentenceOf(error) : "the registry failed, and its log says why";
  const body = { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] };
  return jsonResponse(body, {
    status,
    headers: {
      ...(status === 503 ? { "retry-after": String(RETRY_SECONDS) } : {}),
      ...(error instanceof RegistryError ? error.headers : {}),
    },
  });
}

/** Causes of what failed here name files and hosts of ours: they are for the operator. */
function sentenceOf(error: GantryError): string {
  if (error instanceof RegistryError) return formatError(error);
  const { code, message, hint } = error;
  return formatError(new GantryError(code, message, hint === undefined ? {} : { hint }));
}

function classify(error: unknown): { readonly status: number; readonly code: string; readonly detail?: unknown } {
  if (error instanceof RegistryError) {
    const { registryCode, detail } = error;
    return { status: error.status ?? REGISTRY_STATUS[registryCode], code: registryCode, detail };
  }
  return OTHER[isGantryError(error) ? error.code : "internal"];
}
