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

/** Names in rows of a table, `like_this`, that none of the files of their row holds. */
function missingNames(rows: readonly string[], files: ReadonlyMap<string, string>): readonly string[] {
  return rows.flatMap((row) => {
    const words = [...row.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
    const texts = [...files].filter(([path]) => words.some((word) => `/${path}`.endsWith(`/${word}`)));
    const names = words.filter((word) => /^[A-Za-z_]+$/.test(word));
    return names.filter((name) => !texts.some(([, text]) => new RegExp(`\\b${name}\\b`).test(text)));
  });
}

test("what ARCHITECTURE.md says that a rule is decided by is in the file that it names", () => {
  const files = new Map(
    readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => [name, readFileSync(join(root, "src", name), "utf8")]),
  );
  const document = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const [, table = ""] = /^### Where its rules are$(.*?)^## /ms.exec(document) ?? [];
  const rows = table.split("\n").filter((line) => line.startsWith("| "));
  expect(rows.length).toBeGreaterThan(10);
  expect(missingNames(rows, files)).toEqual([]);
  expect(missingNames(["| a rule | `state/root-lock.ts` (`lockRoot`, `gone`) |"], files)).toEqual(["gone"]);
});

test("ARCHITECTURE.md shows the layers as layers.json has them", () => {
  const document = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const layers = JSON.parse(readFileSync(join(root, "layers.json"), "utf8"));
  expect(document).toBe(withLayers(document, layers));
});
