const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
};

/** What went wrong with a file that the user named, as Go says it; an error that is not the system's stays what it is. */
export function fileFailure(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return error;
  return new Error(`open ${path}: ${REASONS[error.code] ?? error.code}`, { cause: error });
}
