import { type ErrorCode, GantryError } from "../errors/gantry-error.ts";

/** What the daemon answered instead of a result. Its message is the daemon's own sentence. */
export class ApiError extends GantryError {
  /** HTTP status; 200 when the error came within a stream of progress. */
  readonly status: number;

  constructor(status: number, message: string, options: { readonly code?: ErrorCode } = {}) {
    super(options.code ?? codeOfStatus(status), message);
    this.status = status;
  }
}

/** The code that is told to callers for a status of the Engine API. */
export function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 400:
      return "invalid-argument";
    case 401:
    case 403:
      return "permission-denied";
    case 404:
      return "not-found";
    case 409:
      return "conflict";
    case 501:
      return "unsupported";
    case 503:
      return "unavailable";
    default:
      return "internal";
  }
}
