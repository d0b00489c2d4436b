import { isGantryError } from "../errors/gantry-error.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  EPERM: "operation not permitted",
  ELOOP: "too many levels of symbolic links",
  ENAMETOOLONG: "file name too long",
  EIO: "input/output error",
  ENOSPC: "no space left on device",
  EDQUOT: "disk quota exceeded",
  EFBIG: "file too large",
  EROFS: "read-only file system",
};

/** Why a file could not be used, in the kernel's words, or its name for the reason; undefined for an error that is not the system's. */
export function fileReason(error: unknown): string | undefined {
  if (!(error instanceof Error) || isGantryError(error) || !("code" in error) || typeof error.code !== "string")
    return undefined;
  return REASONS[error.code] ?? error.code;
}
