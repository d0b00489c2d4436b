/** One assertion of a program that speaks the Test Anything Protocol. */
export interface Assertion {
  readonly isPassed: boolean;
  readonly text: string;
  /** What follows it: why it failed. */
  readonly details: string;
}

/** Reads the assertions out of a program's output (testanything.org, version 13); what is skipped counts as passed. */
export function parseTap(output: string): Assertion[] {
  const assertions: { isPassed: boolean; text: string; details: string }[] = [];
  for (const line of output.trimEnd().split("\n")) {
    const [, not, text = ""] = /^(not )?ok\b *\d* *-? *(.*)$/.exec(line) ?? [];
    if (/^(not )?ok\b/.test(line)) {
      assertions.push({ isPassed: not === undefined || /# *(skip|todo)/i.test(text), text, details: "" });
    } else {
      const last = assertions.at(-1);
      if (last !== undefined && !/^1\.\.\d+/.test(line)) last.details += `${line}\n`;
    }
  }
  return assertions;
}
