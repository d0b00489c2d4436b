import { GantryError } from "../errors/gantry-error.ts";

/** Says what failed on disk: a full disk in the words that people look for, everything else by its cause. */
export function diskError(doing: string, cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new GantryError("exhausted", `${doing}: no space left on device`, {
      hint: "free some space, or use a --root on a larger disk",
      cause,
    });
  }
  return new GantryError(code === "EACCES" || code === "EPERM" ? "permission-denied" : "internal", doing, { cause });
}
