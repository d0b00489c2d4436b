import { formatFailure, parseFormat } from "./render-list.ts";

/** One object as `--format` wants it: `json`, or a Go template. @throws status 64 for a template that cannot be read. */
export function formatObject(object: Readonly<Record<string, unknown>>, format: string): string {
  const template = parseFormat(format === "json" ? "{{json .}}" : format);
  try {
    return `${template.render(object)}\n`;
  } catch (error) {
    throw formatFailure(error);
  }
}
