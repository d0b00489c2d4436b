/** A template that cannot be read or carried out; the message has Go's words and place. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** `line:column` of an offset as Go counts: lines from one, columns from zero. */
export function formatPlace(text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `${line}:${offset - (before.lastIndexOf("\n") + 1)}`;
}
