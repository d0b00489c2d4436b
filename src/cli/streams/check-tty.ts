import type { Terminal } from "../terminal.ts";

/** Refuses `-it` with a stdin that is no terminal, before anything is made. */
export function checkTty(terminal: Terminal, options: { readonly hasStdin: boolean; readonly hasTty: boolean }): void {
  if (options.hasStdin && options.hasTty && !terminal.stdin.isTerminal) {
    throw new Error("the input device is not a TTY");
  }
}
