import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withLayers } from "../scripts/draw-layers.ts";

const root = join(import.meta.dir, "..");

/** Files that a text names, `like/this.ts` or `this.c`, and that none of `paths` is or ends with. */
function missingFiles(text: string, paths: readonly string[]): readonly string[] {
  const named = new Set(text.matchAll(/`([\w./-]+\.(?:ts|c|h))`/g).map(([, file = ""]) => file));
  return [...named].filter((file) => !paths.some((path) => `/${path}`.endsWith(`/${file}`)));
}

test.each(["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])("every file that %s names is there", (name) => {
  const folders = ["src", "native", "test", "scripts", "bench"];
  const paths = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  expect(missingFiles(readFileSync(join(root, name), "utf8"), paths)).toEqual([]);
  expect(missingFiles("`no/such.ts`, `layers.ts`", paths)).toEqual(["no/such.ts"]);
});

test("ARCHITECTURE.md shows the layers as layers.json has them", () => {
  const document = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const layers = JSON.parse(readFileSync(join(root, "layers.json"), "utf8"));
  expect(document).toBe(withLayers(document, layers));
});
