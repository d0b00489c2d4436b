import { formatError } from "../errors/gantry-error.ts";
import { errorLine } from "./error-line.ts";
import { formatFailure, parseFormat } from "./format/render-list.ts";
import type { Terminal } from "./terminal.ts";

/** Fields of inspected objects that are maps of free keys: what is not in them is no mistake of the template. */
const MAPS: ReadonlySet<string> = new Set([
  "Annotations",
  "Attributes",
  "Data",
  "DriverOpts",
  "ExposedPorts",
  "Labels",
  "Networks",
  "Options",
  "PortBindings",
  "Ports",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
  "Volumes",
]);

export interface InspectOptions {
  /** As `--format` takes it. @default indented JSON */
  readonly format: string | undefined;
  readonly find: (name: string) => Promise<unknown>;
}

/**
 * Prints what `find` gives for each name: one array of JSON, or a rendered template a line. What was not found is told
 * at the end.
 *
 * @returns 1 if one of them failed.
 */
export async function inspectObjects(
  terminal: Terminal,
  names: readonly string[],
  { format, find }: InspectOptions,
): Promise<number> {
  const isJson = format === undefined || format === "" || format === "json";
  const template = isJson ? undefined : parseFormat(format);
  const found: unknown[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      const object = await find(name);
      found.push(template === undefined ? object : template.render(object, { maps: MAPS, isCaseIgnored: true }));
    } catch (error) {
      const isTemplate = error instanceof Error && error.name === "TemplateError";
      problems.push(isTemplate ? formatError(formatFailure(error)) : errorLine(error));
    }
  }
  if (template === undefined)
    await terminal.stdout.write(`${JSON.stringify(found, undefined, format === "json" ? undefined : 4)}\n`);
  else await terminal.stdout.write(found.length === 0 ? "\n" : found.map((text) => `${text}\n`).join(""));
  if (problems.length > 0) await terminal.stderr.write(`${problems.join("\n")}\n`);
  return problems.length > 0 ? 1 : 0;
}
