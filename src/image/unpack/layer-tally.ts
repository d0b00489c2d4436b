import { GantryError } from "../../errors/gantry-error.ts";
import type { TarHeader } from "../../tar/tar-header.ts";
import { refuseEntry } from "./entry-path.ts";
import type { LayerLimits } from "./layer-limits.ts";

/** The largest user or group number; the one above means "no change" to chown(2). */
const ID_MAX = 0xfffffffe;

/** Counts what a layer's entries declare, before anything is made of them. */
export class LayerTally {
  readonly #limits: LayerLimits;
  #declaredBytes = 0;
  #entries = 0;

  constructor(limits: LayerLimits) {
    this.#limits = limits;
  }

  get entries(): number {
    return this.#entries;
  }

  /** @throws `exhausted` when the layer is more than its limits allow, else as `refuseEntry`. */
  count(header: TarHeader): void {
    const { entriesMax, sizeBytesMax, pathBytesMax } = this.#limits;
    this.#entries += 1;
    if (this.#entries > entriesMax) {
      throw new GantryError("exhausted", `refused the layer: it has more than ${entriesMax} entries`);
    }
    const dataBytes =
      header.sparse === undefined
        ? header.sizeBytes
        : header.sparse.reduce((total, segment) => total + segment.length, 0);
    this.#declaredBytes += dataBytes;
    if (this.#declaredBytes > sizeBytesMax) {
      throw new GantryError("exhausted", `refused the layer: its files have more than ${sizeBytesMax} bytes`);
    }
    if (Buffer.byteLength(header.linkPath) > pathBytesMax) {
      throw refuseEntry(header.path, `its target is longer than ${pathBytesMax} bytes`);
    }
    if (header.uid < 0 || header.uid > ID_MAX || header.gid < 0 || header.gid > ID_MAX) {
      throw refuseEntry(header.path, `its owner ${header.uid}:${header.gid} is out of range`);
    }
  }
}
