import { describe, expect, test } from "bun:test";
import { digestOf } from "../../oci/hash-digest.ts";
import type { ProgressEvent } from "../progress-event.ts";
import { LayerProgress } from "./layer-progress.ts";

const layer = { mediaType: "", digest: digestOf("layer"), size: 100_000_000 };
const id = layer.digest.slice(7, 19);

describe("LayerProgress", () => {
  test("says a layer's way in Docker's words", () => {
    const events: ProgressEvent[] = [];
    const progress = new LayerProgress((event) => events.push(event));
    progress.take({ layer, index: 0, stage: "waiting" });
    progress.take({ layer, index: 0, stage: "downloading", currentBytes: 1, totalBytes: 100_000_000 });
    progress.retry(layer, 1500);
    progress.take({ layer, index: 0, stage: "downloaded" });
    progress.take({ layer, index: 0, stage: "complete" });
    expect(events).toEqual([
      { id, status: "Pulling fs layer" },
      { id, status: "Downloading", progress: { currentBytes: 1, totalBytes: 100_000_000 } },
      { id, status: "Retrying in 2 seconds" },
      { id, status: "Verifying Checksum" },
      { id, status: "Download complete" },
      { id, status: "Pull complete" },
    ]);
  });

  test("a large layer is told in a bounded number of steps, the last of them its end", () => {
    const events: ProgressEvent[] = [];
    const progress = new LayerProgress((event) => events.push(event));
    for (let currentBytes = 0; currentBytes <= layer.size; currentBytes += 10_000) {
      progress.take({ layer, index: 0, stage: "downloading", currentBytes, totalBytes: layer.size });
    }
    expect(events.length).toBeLessThanOrEqual(102);
    expect(events.at(-1)?.progress?.currentBytes).toBe(layer.size);
  });
});
