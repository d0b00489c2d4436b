import type { Digest } from "../oci/digest.ts";
import { digestOf } from "../oci/hash-digest.ts";

declare const brand: unique symbol;

/** Names a stack of layers by what they are unpacked: OCI image-spec, config.md, "Layer ChainID". */
export type ChainId = Digest & { readonly [brand]: "ChainId" };

/** The chain ID of a layer on top of `parent`. */
function chainIdOf(parent: ChainId | undefined, diffId: Digest): ChainId {
  return (parent === undefined ? diffId : digestOf(`${parent} ${diffId}`)) as ChainId;
}

/** The chain IDs of all stacks that start at the bottom, bottom first. */
export function chainIdsOf(diffIds: readonly Digest[]): readonly ChainId[] {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) chain.push(chainIdOf(chain.at(-1), diffId));
  return chain;
}
