import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withLayers } from "../scripts/draw-layers.ts";

const root = join(import.meta.dir, "..");

test("ARCHITECTURE.md shows the layers as layers.json has them", () => {
  const document = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const layers = JSON.parse(readFileSync(join(root, "layers.json"), "utf8"));
  expect(document).toBe(withLayers(document, layers));
});
