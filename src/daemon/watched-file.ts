import { GantryError } from "../errors/gantry-error.ts";
import { fileStamp, isPathTaken, readTextFile } from "../platform/text-file.ts";

/**
 * Gives what a file of configuration says now: it is read again when it has changed.
 *
 * @param parse throws why the text is none.
 * @returns undefined if there is no such file; a link that leads nowhere is one that cannot be read.
 * @throws `invalid-argument` naming file and line, at each use, while the file cannot be understood: what it forbids must not be done meanwhile.
 */
export function watchedFile<T>(path: string, parse: (text: string) => T): () => T | undefined {
  let known: { readonly stamp: string; readonly content: T } | undefined;
  return () => {
    // Before it is read: what changes meanwhile is seen the next time.
    const stamp = fileStamp(path);
    if (known?.stamp === stamp) return known.content;
    if (!isPathTaken(path)) return undefined;
    const text = readTextFile(path);
    try {
      known = { stamp, content: parse(text) };
      return known.content;
    } catch (cause) {
      throw new GantryError("invalid-argument", `cannot understand ${path}`, { cause });
    }
  };
}
