import type { Descriptor } from "./image.ts";
import { MEDIA_TYPES } from "./media-types.ts";

/**
 * True for a layer that registries need not have, since it says where else it is (image-spec, layer.md, "Non-Distributable
 * Layers"; Docker's foreign layers).
 */
export function isForeignLayer({ mediaType, urls }: Pick<Descriptor, "mediaType" | "urls">): boolean {
  if (urls === undefined || urls.length === 0) return false;
  return mediaType === MEDIA_TYPES.dockerForeignLayer || mediaType.startsWith(NON_DISTRIBUTABLE);
}

const NON_DISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.";
