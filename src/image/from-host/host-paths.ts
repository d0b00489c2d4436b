import { GantryError } from "../../errors/gantry-error.ts";

/**
 * Checks what is to be packed: absolute paths, at least one, and not all of the host.
 *
 * @throws `invalid-argument` naming the path.
 */
export function checkHostPaths(paths: readonly string[]): readonly string[] {
  const problem = (message: string): GantryError => new GantryError("invalid-argument", message);
  if (paths.length === 0) throw problem("nothing to pack: name at least one path");
  for (const path of paths) {
    if (!path.startsWith("/")) throw problem(`cannot pack ${JSON.stringify(path)}: it is not an absolute path`);
    if (path.includes("\0")) throw problem(`cannot pack ${JSON.stringify(path)}: it is not a path`);
    if (/^\/+$/.test(path)) throw problem("cannot pack /: name the programs and folders that are wanted");
  }
  return paths;
}
