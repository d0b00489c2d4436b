import { GantryError } from "../../errors/gantry-error.ts";

const SHOWN_LENGTH = 120;

export interface EntryPathRules {
  readonly pathBytesMax: number;
  /** The entry whose hard link's target the name is: what is refused then. */
  readonly linkedFrom?: string;
}

function shorten(path: string): string {
  return path.length > SHOWN_LENGTH ? `${path.slice(0, SHOWN_LENGTH)}…` : path;
}

/** Refuses an entry, naming it. */
export function refuseEntry(path: string, why: string): GantryError {
  return new GantryError("invalid-argument", `refused the layer's entry ${JSON.stringify(shorten(path))}: ${why}`, {
    hint: "the image is broken or hostile; nothing of this layer was kept",
  });
}

/**
 * The components of an entry's name, or of the target of a hard link, below the layer's root; none is the root itself.
 *
 * @throws `invalid-argument` for a name that leaves the root: absolute, or with `..` beyond it.
 */
export function parseEntryPath(name: string, rules: EntryPathRules): readonly string[] {
  const refuse = (why: string): GantryError =>
    rules.linkedFrom === undefined
      ? refuseEntry(name, why)
      : refuseEntry(rules.linkedFrom, `it is a hard link to ${JSON.stringify(shorten(name))}: ${why}`);
  if (Buffer.byteLength(name) > rules.pathBytesMax) {
    throw refuse(`its name is longer than ${rules.pathBytesMax} bytes`);
  }
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw refuse("it leaves the layer by `..`");
  }
  if (name.startsWith("/") && parts.length > 0) throw refuse("its name is absolute");
  return parts;
}

/** What an entry's last component asks for (OCI image-spec, layer.md, "Whiteouts"). */
export type EntryRole =
  | { readonly kind: "plain" }
  | { readonly kind: "whiteout"; readonly target: string }
  | { readonly kind: "opaque" }
  /** Bookkeeping of aufs, which is no content. */
  | { readonly kind: "ignored" };

const WHITEOUT = ".wh.";
const METADATA = ".wh..wh.";

export function roleOf(parts: readonly string[]): EntryRole {
  const name = parts.at(-1) ?? "";
  if (parts.slice(0, -1).some((part) => part.startsWith(METADATA))) return { kind: "ignored" };
  if (name === ".wh..wh..opq") return { kind: "opaque" };
  if (name.startsWith(METADATA)) return { kind: "ignored" };
  if (!name.startsWith(WHITEOUT)) return { kind: "plain" };
  const target = name.slice(WHITEOUT.length);
  // ".wh.." would remove the folder that it is in.
  if (target === "" || target === "." || target === "..") throw refuseEntry(parts.join("/"), "it is no valid whiteout");
  return { kind: "whiteout", target };
}
