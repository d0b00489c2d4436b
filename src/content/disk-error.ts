import { GantryError } from "../errors/gantry-error.ts";

/** Says what failed on disk: what people look for in those words, everything else by its cause. */
export function diskError(doing: string, cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new GantryError("exhausted", `${doing}: no space left on device`, {
      hint: "free some space, or use a --root on a larger disk",
      cause,
    });
  }
  if (code === "EROFS") {
    return new GantryError("unavailable", `${doing}: the file system is read-only`, {
      hint: "mount it writable, or use another --root",
      cause,
    });
  }
  if (code === "EMFILE" || code === "ENFILE") {
    return new GantryError("unavailable", `${doing}: too many files are open`, {
      hint: "try again in a moment; whoever runs it can raise the limit of open files",
      cause,
    });
  }
  return new GantryError(code === "EACCES" || code === "EPERM" ? "permission-denied" : "internal", doing, { cause });
}
