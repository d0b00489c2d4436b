import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface FolderSizeOptions {
  /** Links that do not count, by their paths from the folder: `/etc/mtab`. @default none */
  readonly withoutLinks?: readonly string[];
}

/** Bytes of the regular files and links below a folder, each hard-linked file once. Files that vanish meanwhile count nothing. */
export async function folderSizeBytes(folder: string, options: FolderSizeOptions = {}): Promise<number> {
  const uncounted = new Set((options.withoutLinks ?? []).map((path) => join(folder, path)));
  const seen = new Set<string>();
  const todo = [folder];
  let total = 0;
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        todo.push(child);
        continue;
      }
      if (entry.isSymbolicLink() && uncounted.has(child)) continue;
      const stat = await lstat(child).catch(() => undefined);
      if (stat === undefined || (!stat.isFile() && !stat.isSymbolicLink())) continue;
      const key = `${stat.dev}:${stat.ino}`;
      if (stat.nlink > 1 && seen.has(key)) continue;
      seen.add(key);
      total += stat.size;
    }
  }
  return total;
}
