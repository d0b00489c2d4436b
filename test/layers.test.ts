import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findCircles } from "./import-circles.ts";
import { findAmbient, findViolations, importsOf, type Layers, type SourceFile } from "./layers.ts";

const root = join(import.meta.dir, "..");
const layers = JSON.parse(readFileSync(join(root, "layers.json"), "utf8")) as Layers;

function sources(): SourceFile[] {
  return readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => ({ path: `src/${name}`, text: readFileSync(join(root, "src", name), "utf8") }));
}

describe("what is ambient", () => {
  const exceptions = { "src/linux/mount/private-mounts.ts": "goes back to the folder in which the thread was" };

  test("is taken by the daemon and the command line alone", () => {
    expect(findAmbient(sources(), exceptions)).toEqual([]);
    const stale = Object.keys(exceptions).filter((path) =>
      findAmbient(sources(), {}).every((one) => !one.startsWith(path)),
    );
    expect(stale).toEqual([]);
  });

  test("is found and named", () => {
    const text =
      'import { createHash, randomBytes } from "node:crypto";\nconst a = [Date.now(), process.env.HOME, spec.process.env];';
    expect(findAmbient([{ path: "src/content/bad.ts", text }], {})).toEqual([
      "src/content/bad.ts: randomBytes has to be passed in",
      "src/content/bad.ts: Date.now has to be passed in",
      "src/content/bad.ts: process.env.HOME has to be passed in",
    ]);
    expect(findAmbient([{ path: "src/daemon/good.ts", text }], {})).toEqual([]);
  });
});

describe("layers", () => {
  test("no file imports what its folder may not", () => {
    expect(findViolations(sources(), layers)).toEqual([]);
  });

  test("a forbidden import is found and named", () => {
    const text = 'import { x } from "../engine/engine.ts";\nimport "bun:sqlite";\nawait import("../cli/main.ts");\n';
    expect(findViolations([{ path: "src/content/bad.ts", text }], layers)).toEqual([
      "src/content/bad.ts: src/content may not import src/engine (../engine/engine.ts)",
      "src/content/bad.ts: only src/platform names Bun (bun:sqlite)",
      "src/content/bad.ts: src/content may not import src/cli (../cli/main.ts)",
    ]);
  });

  test("no files import each other in a circle", () => {
    expect(findCircles(sources())).toEqual([]);
  });

  test("a circle is found and named, also one of types and of what is imported late", () => {
    const imports = {
      a: 'import type { B } from "./b.ts";',
      b: 'await import("../src/c.ts");',
      c: 'export * from "./a.ts";',
    };
    const files = Object.entries({ ...imports, d: 'import "./a.ts";' });
    expect(findCircles(files.map(([name, text]) => ({ path: `src/${name}.ts`, text })))).toEqual([
      "src/a.ts → src/b.ts → src/c.ts → src/a.ts",
    ]);
  });

  test("re-exports and imports over several lines are seen", () => {
    const text =
      'export { a } from "./a.ts";\nimport {\n  b,\n  type C,\n} from "../b.ts";\nimport type { D } from "./d.ts";';
    expect(importsOf(text)).toEqual(["./a.ts", "../b.ts", "./d.ts"]);
  });
});
