import { fileReason } from "../../platform/file-reason.ts";

/**
 * What went wrong with a file that the user named, as Go says it; an error that is not the system's stays what it is.
 *
 * @param call what was done to it
 */
export function fileFailure(path: string, error: unknown, call: "open" | "write" = "open"): unknown {
  const reason = fileReason(error);
  return reason === undefined ? error : new Error(`${call} ${path}: ${reason}`, { cause: error });
}
