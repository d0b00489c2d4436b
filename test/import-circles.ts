import { dirname, join, normalize } from "node:path";
import { importsOf, type SourceFile } from "./layers.ts";

/**
 * Where files import each other in a circle, types alone included: none of them can be read, or moved, without the others.
 *
 * @returns each as `a → b → a`: at least one where there are some
 */
export function findCircles(files: readonly SourceFile[]): string[] {
  const imports = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text).map((specifier) => normalize(join(dirname(path), specifier))),
    ]),
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" → "));
    else if (!done.has(path)) for (const next of imports.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return circles;
}
