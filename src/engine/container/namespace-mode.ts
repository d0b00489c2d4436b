/** A mode as Docker's flags name it, read: `container:NAME` has a partner. */
export type NamespaceMode =
  | { readonly kind: "container"; readonly partner: string }
  | { readonly kind: "plain"; readonly name: string };

/** @param fallback what an empty mode means. */
export function parseNamespaceMode(text: string | undefined, fallback: string): NamespaceMode {
  const mode = text || fallback;
  return mode.startsWith("container:")
    ? { kind: "container", partner: mode.slice("container:".length) }
    : { kind: "plain", name: mode };
}

/** How a network mode is recorded: `default` is the bridge. */
export function parseNetworkMode(text: string | undefined): NamespaceMode {
  const mode = parseNamespaceMode(text, "bridge");
  return mode.kind === "plain" && mode.name === "default" ? { kind: "plain", name: "bridge" } : mode;
}
