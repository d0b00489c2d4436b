import type { Terminal } from "../terminal.ts";

const LINE_BYTES_MAX = 4096;

const [INTERRUPT, END, BACKSPACE, LINE_FEED, RETURN, ERASE_LINE, DELETE] = [3, 4, 8, 10, 13, 21, 127];

/** What is typed line by line, with the keys that a terminal handles itself outside of raw mode. Ends at Ctrl-C and Ctrl-D. */
export async function* typedLines(terminal: Terminal): AsyncGenerator<string, void> {
  let line: number[] = [];
  for await (const chunk of terminal.stdin.read()) {
    for (const byte of chunk) {
      if (byte === INTERRUPT || byte === END) return;
      if (byte === RETURN || byte === LINE_FEED) {
        yield Buffer.from(line).toString("utf8");
        line = [];
      } else if (byte === BACKSPACE || byte === DELETE) {
        line = withoutLastCharacter(line);
      } else if (byte === ERASE_LINE) {
        line = [];
      } else if (line.length < LINE_BYTES_MAX) {
        line.push(byte);
      }
    }
  }
}

/** A character may have several bytes: all but the first begin with the bits 10. */
function withoutLastCharacter(line: readonly number[]): number[] {
  let length = line.length - 1;
  while (length > 0 && ((line[length] ?? 0) & 0xc0) === 0x80) length -= 1;
  return line.slice(0, Math.max(0, length));
}
