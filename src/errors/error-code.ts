/** The name of the system's error, `ENOENT`, also SQLite's and a runtime's own; undefined for what has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
