import { dirname, join, normalize } from "node:path";

/** The rules of `layers.json`. */
export interface Layers {
  /** Folders that every folder may import. */
  readonly ground: readonly string[];
  /** For each folder what else it may import; `*` is all. */
  readonly folders: Readonly<Record<string, readonly string[]>>;
}

export interface SourceFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly text: string;
}

const IMPORT = /(?:^|[\s;])(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/gm;

/** The module specifiers that a source imports or re-exports, dynamic imports with a literal included. */
export function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? "");
}

function folderOf(path: string, layers: Layers): string | undefined {
  const known = [...Object.keys(layers.folders)].sort((a, b) => b.length - a.length);
  return known.find((folder) => path.startsWith(`${folder}/`));
}

/** Clock, randomness, environment and working folder, as code takes them by itself. */
const AMBIENT =
  /\bMath\.random\b|\bDate\.now\b|\bnew Date\(\)|\bprocess\.env\.[A-Z]\w*|\bprocess\.cwd\(\)|\brandom(?:Bytes|UUID|Int)\b(?=[^}]*\} from "node:crypto")/g;
/** Where what is ambient is taken, to be passed on. */
const TAKERS = ["src/daemon/", "src/cli/", "src/platform/"];

/**
 * What sources take by themselves that has to be passed in. The monotonic clock, by which waits end, is not among it.
 *
 * @param exceptions paths, each with a reason
 */
export function findAmbient(files: readonly SourceFile[], exceptions: Readonly<Record<string, string>>): string[] {
  return files
    .filter(({ path }) => !path.endsWith(".test.ts") && !TAKERS.some((folder) => path.startsWith(folder)))
    .filter(({ path }) => !Object.hasOwn(exceptions, path))
    .flatMap(({ path, text }) => [...text.matchAll(AMBIENT)].map(([word]) => `${path}: ${word} has to be passed in`));
}

/** Every import that the rules forbid, one sentence each, with the offending path. */
export function findViolations(files: readonly SourceFile[], layers: Layers): string[] {
  const violations: string[] = [];
  for (const { path, text } of files) {
    const isTest = path.endsWith(".test.ts");
    const from = folderOf(path, layers);
    if (from === undefined) {
      violations.push(`${path}: its folder is not in layers.json`);
      continue;
    }
    const allowed = layers.folders[from] ?? [];
    for (const specifier of importsOf(text)) {
      if (specifier === "bun" || specifier.startsWith("bun:")) {
        const isTestRunner = isTest && specifier === "bun:test";
        if (from !== "src/platform" && !isTestRunner)
          violations.push(`${path}: only src/platform names Bun (${specifier})`);
        continue;
      }
      if (!specifier.startsWith(".")) continue;
      const target = normalize(join(dirname(path), specifier));
      const to = folderOf(target, layers);
      if (to === undefined) {
        if (!(isTest && target.startsWith("test/support/")))
          violations.push(`${path}: imports ${target}, outside of src`);
        continue;
      }
      const isGround = layers.ground.includes(to) && !layers.ground.includes(from);
      const isBelow =
        layers.ground.includes(to) &&
        layers.ground.includes(from) &&
        layers.ground.indexOf(to) <= layers.ground.indexOf(from);
      if (to !== from && !isGround && !isBelow && !allowed.includes(to) && !allowed.includes("*")) {
        violations.push(`${path}: ${from} may not import ${to} (${specifier})`);
      }
    }
    if (from !== "src/platform" && /\bBun\.[a-z]/i.test(text) && !isTest) {
      violations.push(`${path}: only src/platform names Bun (Bun.…)`);
    }
  }
  return violations;
}
