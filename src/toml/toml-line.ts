/**
 * The line of a TOML text that says what is at `path` (`registry[1].mirror[0].location`), as people write it: tables under
 * headers. Undefined where it is written in another way.
 */
export function tomlLine(toml: string, path: string): number | undefined {
  const steps = path.split(".");
  const counts = new Map<string, number>();
  let table = "";
  let tableLine: number | undefined;
  for (const [index, text] of toml.split("\n").entries()) {
    const [, bracket, header] = /^\s*(\[\[?)\s*([\w.-]+)\s*\]\]?\s*(?:#.*)?$/.exec(text) ?? [];
    if (header !== undefined) table = openTable(header, bracket === "[[", counts);
    if (header !== undefined && (table === path || header === path)) return index + 1;
    if (header !== undefined && path.startsWith(`${table}.`)) tableLine = index + 1;
    const [, key] = /^\s*"?([\w-]+)"?\s*=/.exec(text) ?? [];
    if (key !== undefined && key === steps.at(-1) && table === steps.slice(0, -1).join(".")) return index + 1;
  }
  return tableLine;
}

/** The path of the table that a header opens; `[[header]]` opens the next of a list, and what is below it belongs to the last one. */
function openTable(header: string, isList: boolean, counts: Map<string, number>): string {
  const steps = header.split(".");
  let path = "";
  for (const [depth, step] of steps.entries()) {
    const key = path === "" ? step : `${path}.${step}`;
    const isLast = depth === steps.length - 1;
    if (isLast && isList) counts.set(key, (counts.get(key) ?? 0) + 1);
    const count = isLast && !isList ? undefined : counts.get(key);
    path = count === undefined ? key : `${key}[${count - 1}]`;
  }
  return path;
}

/** A problem that begins with the path of what it speaks of (`scrub.rate is …`), with the line of that before it, if it is known. */
export function withTomlLine(toml: string, problem: string): string {
  const [path = ""] = /^[\w.[\]-]+/.exec(problem) ?? [];
  const line = tomlLine(toml, path);
  return line === undefined ? problem : `line ${line}: ${problem}`;
}
