import { digestHex } from "../../oci/digest.ts";
import type { Descriptor } from "../../oci/image.ts";
import type { LayerEvent } from "../layer-store.ts";
import type { ProgressEvent } from "../progress-event.ts";

/** So many reports at most for each layer and stage, however large it is. */
const REPORTS_PER_STAGE = 100;
const REPORT_BYTES_MIN = 64 * 1024;

function shortDigest(layer: Descriptor): string {
  return digestHex(layer.digest).slice(0, 12);
}

const STATUSES: Readonly<Record<LayerEvent["stage"], readonly string[]>> = {
  waiting: ["Pulling fs layer"],
  exists: ["Already exists"],
  downloading: ["Downloading"],
  downloaded: ["Verifying Checksum", "Download complete"],
  extracting: ["Extracting"],
  complete: ["Pull complete"],
};

/** Tells a layer's way into the store in Docker's words, thinned out so that no slow reader is flooded. */
export class LayerProgress {
  readonly #report: (event: ProgressEvent) => void;
  readonly #reported = new Map<string, number>();

  constructor(report: (event: ProgressEvent) => void) {
    this.#report = report;
  }

  take(event: LayerEvent): void {
    const { layer, index, stage, currentBytes, totalBytes } = event;
    const id = shortDigest(layer);
    if (currentBytes === undefined) {
      for (const status of STATUSES[stage]) this.#report({ id, status });
      return;
    }
    const key = `${index} ${stage}`;
    const step = Math.max(REPORT_BYTES_MIN, layer.size / REPORTS_PER_STAGE);
    const last = this.#reported.get(key);
    const isDue = last === undefined || currentBytes - last >= step || currentBytes >= layer.size;
    if (!isDue || last === currentBytes) return;
    this.#reported.set(key, currentBytes);
    const progress = { currentBytes, ...(totalBytes === undefined ? {} : { totalBytes }) };
    for (const status of STATUSES[stage]) this.#report({ id, status, progress });
  }

  /** A download broke and goes on after a wait. */
  retry(layer: Descriptor, delayMs: number): void {
    const seconds = Math.ceil(delayMs / 1000);
    this.#report({ id: shortDigest(layer), status: `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}` });
  }
}
