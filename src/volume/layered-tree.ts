import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { join } from "node:path";
import { cString, SYS, syscall } from "../platform/libc.ts";

/** What a path of the merged tree is. */
export type TreeEntry =
  | {
      readonly kind: "folder";
      readonly path: string;
      readonly stat: Stats;
      /** The folders of the layers that together make this one, topmost first. */
      readonly folders: readonly string[];
    }
  | {
      readonly kind: "other";
      /** On the host. */
      readonly path: string;
      readonly stat: Stats;
    };

const MAX_SYMLINKS = 40;

/**
 * A read-only view of overlay layers as one tree, with whiteouts and opaque folders respected (kernel:
 * Documentation/filesystems/overlayfs.rst), without mounting anything.
 *
 * The daemon needs a few files of an image before its container has a mount namespace: /etc/passwd for `--user`, and what
 * fills a new volume. A mount on the host would outlive a killed daemon, so the layers are walked instead, one
 * component at a time, with symbolic links resolved inside the tree: a link cannot lead out. Only for layers that nobody
 * writes at the moment: image layers, and the upper folder of a container that does not run.
 */
export class LayeredTree {
  readonly #layers: readonly string[];

  /** @param layers topmost first. */
  constructor(layers: readonly string[]) {
    this.#layers = layers;
  }

  /** Finds what `path` (from the tree's root) leads to, links followed; undefined if there is nothing. */
  lookup(path: string): TreeEntry | undefined {
    const root = mergeFolder(this.#layers.map((layer) => ({ path: layer, stat: lstatOf(layer) })));
    if (root === undefined) return undefined;
    const todo = componentsOf(path);
    const trail: TreeEntry[] = [root];
    let links = 0;
    for (let name = todo.shift(); name !== undefined; name = todo.shift()) {
      if (name === "..") {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const here = trail.at(-1);
      if (here?.kind !== "folder") return undefined;
      const entry = this.child(here, name);
      if (entry === undefined) return undefined;
      if (entry.kind === "other" && entry.stat.isSymbolicLink()) {
        if (++links > MAX_SYMLINKS) return undefined;
        const target = readlinkSync(entry.path);
        if (target.startsWith("/")) trail.length = 1;
        todo.unshift(...componentsOf(target));
        continue;
      }
      trail.push(entry);
    }
    return trail.at(-1);
  }

  /** One entry of a folder, links not followed. */
  child(folder: TreeEntry & { readonly kind: "folder" }, name: string): TreeEntry | undefined {
    return mergeFolder(
      folder.folders.map((path) => ({
        path: join(path, name),
        get stat() {
          return lstatOf(join(path, name));
        },
      })),
    );
  }

  /** The names in a folder, those that are whited out left out, sorted. */
  names(folder: TreeEntry & { readonly kind: "folder" }): readonly string[] {
    const names = new Set<string>(folder.folders.flatMap((path) => readdirSync(path)));
    return [...names].filter((name) => this.child(folder, name) !== undefined).sort();
  }
}

function componentsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** One name's candidates, topmost first, become what an overlay shows. */
function mergeFolder(
  candidates: readonly { readonly path: string; readonly stat: Stats | undefined }[],
): TreeEntry | undefined {
  const folders: string[] = [];
  let top: { path: string; stat: Stats } | undefined;
  for (const candidate of candidates) {
    const { path } = candidate;
    const { stat } = candidate;
    if (stat === undefined) continue;
    if (stat.isCharacterDevice() && stat.rdev === 0) break;
    if (!stat.isDirectory()) {
      if (top === undefined) return { kind: "other", path, stat };
      break;
    }
    top ??= { path, stat };
    folders.push(path);
    if (isOpaque(path)) break;
  }
  return top === undefined ? undefined : { kind: "folder", ...top, folders };
}

function isOpaque(path: string): boolean {
  const value = new Uint8Array(4);
  const length = syscall(SYS.lgetxattr, cString(path), cString("trusted.overlay.opaque"), value, value.byteLength);
  return length === 1 && value[0] === "y".charCodeAt(0);
}
