import { type PathStart, resolveHostPath } from "./host-path.ts";

/** What one `-v` asks for: a bind or a named volume, as the API writes it, or a folder to be given an anonymous volume. */
export type VolumeSpec =
  | { readonly kind: "bind"; readonly bind: string }
  | { readonly kind: "anonymous"; readonly target: string };

/**
 * Reads `-v SOURCE:TARGET[:OPTIONS]` or `-v TARGET`. A source that begins with a dot is relative to
 * the working folder; whether the options make sense the daemon says.
 *
 * @throws in Docker's words.
 */
export function parseVolumeSpec(text: string, start: PathStart): VolumeSpec {
  if (text === "") throw new Error("invalid empty volume spec");
  const parts = text.split(":");
  if (parts.some((part) => part === "")) throw new Error(`invalid spec: ${text}: empty section between colons`);
  if (parts.length > 3) throw new Error(`invalid spec: ${text}: too many colons`);
  const [first = "", ...rest] = parts;
  if (rest.length === 0) return { kind: "anonymous", target: first };
  const source = first.startsWith(".") ? resolveHostPath(first, start) : first;
  return { kind: "bind", bind: [source, ...rest].join(":") };
}
