import { isAbsolute, resolve } from "node:path";

/** Where relative paths begin. Read only for those, since the folder may be gone. */
export interface PathStart {
  readonly workingDirectory: string;
}

/** A path that a flag names, made absolute. */
export function resolveHostPath(path: string, start: PathStart): string {
  return isAbsolute(path) ? resolve(path) : resolve(start.workingDirectory, path);
}
