import { describeDoor } from "../../api/describe-door.ts";
import type { RegistryNotice } from "../../api/registry.ts";
import { formatError } from "../../errors/gantry-error.ts";
import type { Output, Terminal } from "../terminal.ts";

/** What waits at most for whoever reads it. */
const WAITING_BYTES_MAX = 1 << 20;

/**
 * Prints what a registry tells while it serves: lines of logs on standard output, all else on standard error. It never waits and never
 * fails: a reader that is slow or gone loses lines, which is told once, and the registry goes on.
 */
export function noticePrinter({
  stdout,
  stderr,
}: Pick<Terminal, "stdout" | "stderr">): (notice: RegistryNotice) => void {
  // There is nobody left to tell that.
  const say = printer(stderr, () => {});
  const log = printer(stdout, (why) => say(`gantry: lines of the access log are lost: ${why}\n`));
  return (notice) => {
    switch (notice.kind) {
      case "listening":
        return say(`gantry: ${describeDoor(notice)}\n`);
      case "warning":
        return say(`gantry: ${notice.sentence}\n`);
      case "log":
        return log(`${notice.line}\n`);
    }
  };
}

/** @param onLoss told why text is lost, once until all that waited was read */
function printer(output: Output, onLoss: (why: string) => void): (text: string) => void {
  let waitingBytes = 0;
  let isLosing = false;
  const lose = (why: string): void => {
    if (!isLosing) onLoss(why);
    isLosing = true;
  };
  return (text) => {
    const sizeBytes = Buffer.byteLength(text);
    if (waitingBytes + sizeBytes > WAITING_BYTES_MAX) return lose("whoever reads standard output is too slow");
    waitingBytes += sizeBytes;
    output.write(text).then(
      () => {
        waitingBytes -= sizeBytes;
        if (waitingBytes === 0) isLosing = false;
      },
      (error) => {
        waitingBytes -= sizeBytes;
        lose(formatError(error));
      },
    );
  };
}
