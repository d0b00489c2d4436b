import { readFileSync, writeFileSync } from "node:fs";

/** Of times and sizes less is better, of what is done in a second more. */
export type Unit = "ms" | "MB" | "MB/s" | "/s";

/** One line of the table: what was measured, for whom how much, and what was aimed at. */
export interface Row {
  readonly what: string;
  readonly unit: Unit;
  /** By contender. */
  readonly values: Readonly<Record<string, number>>;
  /** `1/15 of docker`; left out: no aim. */
  readonly target?: { readonly text: string; readonly limit: number };
}

const COLUMNS = ["gantry", "docker", "podman", "runc", "crun", "bare", "docker-registry", "distribution", "zot"];

function format(value: number | undefined, unit: Unit): string {
  if (value === undefined || Number.isNaN(value)) return "";
  const digits = value < 10 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

function reaches(own: number, limit: number, unit: Unit): "reached" | "missed" {
  const isReached = unit === "ms" || unit === "MB" ? own <= limit : own >= limit;
  return isReached ? "reached" : "missed";
}

/** A table in Markdown. */
export function formatTable(rows: readonly Row[]): string {
  const columns = COLUMNS.filter((name) => rows.some((row) => row.values[name] !== undefined));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...columns, "aim", ""]),
    line(["---", ...columns.map(() => "---:"), "---", "---"]),
    ...rows.map(({ what, unit, values, target }) => {
      const own = values.gantry;
      const isReached = target === undefined || own === undefined ? "" : reaches(own, target.limit, unit);
      const aim = target === undefined ? "" : `${target.text}: ${format(target.limit, unit)}`;
      return line([what, ...columns.map((name) => format(values[name], unit)), aim, isReached]);
    }),
  ].join("\n");
}

const BEGIN = "<!-- bench: written by `npm run bench -- --write` -->";
const END = "<!-- bench: end -->";

/** Puts a table between the marks of a document. @throws if it has none. */
export function writeInto(path: string, table: string): void {
  const text = readFileSync(path, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`${path} has no place for the table: ${BEGIN} … ${END}`);
  writeFileSync(path, `${text.slice(0, begin + BEGIN.length)}\n${table}\n${text.slice(end)}`);
}
