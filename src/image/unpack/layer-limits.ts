/** Bounds that a layer must keep, against bombs. */
export interface LayerLimits {
  /** Of the unpacked tar. */
  readonly sizeBytesMax: number;
  readonly entriesMax: number;
  /** Of a name, and of the target of a link: Linux's PATH_MAX less its NUL. */
  readonly pathBytesMax: number;
  /** Unpacked to packed bytes; deflate ends at about 1030:1. Applies once more than `ratioFreeBytes` came out. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
}

/** Far above what real layers have, and below what hurts a host. */
export const DEFAULT_LAYER_LIMITS: LayerLimits = {
  sizeBytesMax: 256 * 2 ** 30,
  entriesMax: 5_000_000,
  pathBytesMax: 4095,
  ratioMax: 500,
  ratioFreeBytes: 2 ** 30,
};
