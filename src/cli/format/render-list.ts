import { GantryError } from "../../errors/gantry-error.ts";
import { HEADER_FUNCTIONS } from "../../go-template/functions.ts";
import { parseGoTemplate, type Template } from "../../go-template/go-template.ts";
import { alignColumns } from "./align-columns.ts";

/** How one kind of thing is listed. */
export interface ListFormat<T> {
  /** The fields that templates can use, with the titles that tables give them. */
  readonly titles: Readonly<Record<string, string>>;
  /** The template without `--format`, of `{{.Field}}`s between tabs. */
  readonly table: string;
  /** The template of `--quiet`. @default "{{.ID}}" */
  readonly quiet?: string;
  /** The values of the fields of one thing; a function is a method. */
  fields(item: T): Readonly<Record<string, unknown>>;
  /** Methods with arguments, for the titles' line. */
  readonly titleMethods?: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
}

export interface RenderListOptions {
  /** As `--format` takes it: `table`, `table TEMPLATE`, `json`, a template; left out: the table. */
  readonly format?: string;
  readonly quiet?: boolean;
}

/** A template of `--format` that cannot be read: status 64, as with Docker. */
export function parseFormat(source: string): Template {
  try {
    return parseGoTemplate(source);
  } catch (error) {
    throw formatFailure(error);
  }
}

/** What a template's failure is to the user. */
export function formatFailure(error: unknown): GantryError {
  const message = error instanceof Error ? error.message : String(error);
  return new GantryError("invalid-argument", `template parsing error: ${message}`, { exitCode: 64 });
}

/** The template that `--format` means, with `\t` and `\n` as people type them in a shell. */
function templateText(format: string): string {
  if (format === "json") return "{{json .}}";
  const body = format.startsWith("table") ? format.slice("table".length) : format;
  return body
    .replace(/^ +| +$/g, "")
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
}

/** A list as it is printed: a table with titles, or one rendered template a line. */
export function renderList<T>(items: readonly T[], list: ListFormat<T>, options: RenderListOptions = {}): string {
  const wanted = options.format === undefined || options.format === "table" ? "" : options.format;
  let source = wanted === "" ? `table ${list.table}` : wanted;
  if (options.quiet === true && (wanted === "" || !wanted.startsWith("table"))) source = list.quiet ?? "{{.ID}}";
  const isTable = source.startsWith("table");
  const template = parseFormat(templateText(source));
  try {
    const rows = items.map((item) => `${template.render(jsonInOrder(list.fields(item)))}\n`);
    if (!isTable) return rows.join("");
    const titles = template.render(
      { ...list.titles, ...list.titleMethods },
      { maps: "all", functions: HEADER_FUNCTIONS },
    );
    return alignColumns(`${titles}\n${rows.join("")}`);
  } catch (error) {
    throw error instanceof GantryError ? error : formatFailure(error);
  }
}

/** The fields in the order of their names, as Docker's JSON has them; methods are left out of JSON by its own rules. */
function jsonInOrder(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}
