import { isAbsolute, resolve } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";

/** Where relative paths begin. Read only for those, since the folder may be gone. */
export interface PathStart {
  readonly workingDirectory: string;
}

/**
 * A path that a flag names, made absolute.
 *
 * @throws `invalid-argument` if it is empty: that would be the working folder, which nobody means whose variable is not set
 */
export function resolveHostPath(path: string, start: PathStart): string {
  if (path === "") {
    throw new GantryError("invalid-argument", "an empty path is named", {
      hint: "is a variable not set? leave the flag out for its default",
    });
  }
  return isAbsolute(path) ? resolve(path) : resolve(start.workingDirectory, path);
}
