import { errorCode } from "./error-code.ts";
import { type ErrorCode, GantryError } from "./gantry-error.ts";

interface DiskReason {
  /** Of the system's error, or the beginning of SQLite's. */
  readonly codes: RegExp;
  readonly code: ErrorCode;
  readonly words: string;
  readonly hint: string;
}

const REASONS: readonly DiskReason[] = [
  {
    codes: /^(ENOSPC|EDQUOT|SQLITE_FULL)$/,
    code: "exhausted",
    words: "no space left on device",
    hint: "free some space, or use a --root on a larger disk",
  },
  {
    codes: /^EFBIG$/,
    code: "exhausted",
    words: "it is larger than its file system, or the limit of files, allows",
    hint: "whoever runs it can use a --root on another file system, or raise the limit (ulimit -f)",
  },
  {
    codes: /^EROFS$/,
    code: "unavailable",
    words: "the file system is read-only",
    hint: "mount it writable, or use another --root",
  },
  {
    // What SQLite says of a file system that became read-only, too.
    codes: /^SQLITE_(IOERR|READONLY|CANTOPEN)/,
    code: "unavailable",
    words: "its disk fails, or is read-only",
    hint: "the kernel's log may say why",
  },
  {
    codes: /^(EMFILE|ENFILE)$/,
    code: "unavailable",
    words: "too many files are open",
    hint: "try again in a moment; whoever runs it can raise the limit of open files",
  },
];

/** Says what failed on disk: what people look for in those words, everything else by its cause. */
export function diskError(doing: string, cause: unknown): GantryError {
  if (cause instanceof GantryError) return cause;
  const code = errorCode(cause) ?? "";
  const reason = REASONS.find(({ codes }) => codes.test(code));
  if (reason !== undefined) {
    return new GantryError(reason.code, `${doing}: ${reason.words}`, { hint: reason.hint, cause });
  }
  if (code !== "EACCES" && code !== "EPERM") return new GantryError("internal", doing, { cause });
  return new GantryError("permission-denied", doing, {
    hint: "run it as the user whom that belongs to, or name another place",
    cause,
  });
}

/** True for the database's errors that are its disk's: full, failing, read-only. */
export function isDatabaseDiskError(error: unknown): boolean {
  return /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(errorCode(error) ?? "");
}

/** True if a disk cannot be written that is not full: somebody has to look after it. */
export function isDiskFailure(error: unknown): boolean {
  return (
    error instanceof GantryError && /^(EROFS$|EIO$|SQLITE_(IOERR|READONLY|CANTOPEN))/.test(errorCode(error.cause) ?? "")
  );
}
