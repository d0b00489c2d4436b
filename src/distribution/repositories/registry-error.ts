import { type ErrorCode, GantryError, type GantryErrorOptions } from "../../errors/gantry-error.ts";

/** The closed set of what a registry says to its clients (distribution-spec, "Error Codes"), each with the code that it is among ours. */
const REGISTRY_ERROR_CODES = {
  BLOB_UNKNOWN: "not-found",
  BLOB_UPLOAD_INVALID: "invalid-argument",
  BLOB_UPLOAD_UNKNOWN: "not-found",
  DIGEST_INVALID: "data-loss",
  MANIFEST_BLOB_UNKNOWN: "conflict",
  MANIFEST_INVALID: "invalid-argument",
  MANIFEST_UNKNOWN: "not-found",
  NAME_INVALID: "invalid-argument",
  NAME_UNKNOWN: "not-found",
  SIZE_INVALID: "invalid-argument",
  UNAUTHORIZED: "permission-denied",
  DENIED: "permission-denied",
  UNSUPPORTED: "unsupported",
  TOOMANYREQUESTS: "exhausted",
} as const satisfies Record<string, ErrorCode>;

export type RegistryErrorCode = keyof typeof REGISTRY_ERROR_CODES;

export interface RegistryErrorOptions extends GantryErrorOptions {
  /** What a program can make use of: `{"digest": …}`. */
  readonly detail?: unknown;
  /** The HTTP status, where the specification wants another than that of its code. */
  readonly status?: number;
  /** Headers that belong to the answer: `WWW-Authenticate`, `Retry-After`, `Range`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why a registry refuses a request, in the specification's words. */
export class RegistryError extends GantryError {
  readonly registryCode: RegistryErrorCode;
  readonly detail: unknown;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(registryCode: RegistryErrorCode, message: string, options: RegistryErrorOptions = {}) {
    super(REGISTRY_ERROR_CODES[registryCode], message, options);
    this.registryCode = registryCode;
    this.detail = options.detail;
    this.status = options.status;
    this.headers = options.headers ?? {};
  }
}
