import type { TerminalSize } from "../../api/engine-api.ts";
import type { Terminal } from "../terminal.ts";

/**
 * Gives the other side's terminal the size of ours, now and after each change, until disposed of. A failure is let
 * pass: the program has ended, or will get the next size.
 */
export function followSize(terminal: Terminal, resize: (size: TerminalSize) => Promise<void>): Disposable {
  let last = Promise.resolve();
  const send = () => {
    last = last
      .then(async () => {
        const size = terminal.size();
        if (size !== undefined) await resize({ height: size.height, width: size.width });
      })
      .catch(() => {});
  };
  send();
  return terminal.onResize(send);
}
