import { createHash } from "node:crypto";
import { GantryError } from "../../errors/gantry-error.ts";
import { finishDigest } from "../../oci/hash-digest.ts";
import { TarReader } from "../../tar/tar-reader.ts";
import type { AppliedLayer } from "./applied-layer.ts";
import { LayerApplier } from "./layer-applier.ts";
import { DEFAULT_LAYER_LIMITS, type LayerLimits } from "./layer-limits.ts";

export interface ApplyLayerOptions {
  /** See `LayerApplier`. @default "overlay" */
  readonly whiteouts?: "overlay" | "apply";
  /** @default DEFAULT_LAYER_LIMITS */
  readonly limits?: LayerLimits;
}

/**
 * Unpacks an uncompressed layer on this thread (`LayerWorkers` does it on another one). Nothing is synced. After a failure the
 * folder has a part of the layer, and is the caller's to remove.
 *
 * @throws `invalid-argument` for entries that leave the folder, `data-loss` for what is no tar, `exhausted` beyond the limits
 *   or on a full disk.
 */
export async function applyLayer(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  directory: string,
  options: ApplyLayerOptions = {},
): Promise<AppliedLayer> {
  const limits = options.limits ?? DEFAULT_LAYER_LIMITS;
  using applier = new LayerApplier(directory, { whiteouts: options.whiteouts ?? "overlay", limits });
  const reader = new TarReader();
  const hash = createHash("sha256");
  let total = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    total += chunk.length;
    if (total > limits.sizeBytesMax) {
      throw new GantryError("exhausted", `refused the layer: it unpacks to more than ${limits.sizeBytesMax} bytes`);
    }
    for (const event of reader.push(chunk)) applier.take(event);
  }
  reader.finish();
  return { diffId: finishDigest(hash), ...applier.finish() };
}
