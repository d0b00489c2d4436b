import { closeSync, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { formatError, GantryError } from "../errors/gantry-error.ts";

/** A log file, open. */
export interface LineLog extends Disposable {
  /** Adds a line. Never throws: a log that cannot be written is told of once. */
  readonly write: (line: string) => void;
}

/** How long lines are gathered, so that each needs no system call of its own. */
const GATHER_MS = 100;
const GATHER_BYTES = 64 * 1024;

/**
 * Opens a log that is added to. A file that was moved away (logrotate) is made anew.
 *
 * @throws `invalid-argument` if it cannot be opened
 */
export function openLineLog(path: string, warn: (sentence: string) => void): LineLog {
  let fd = openLog(path);
  let waiting = "";
  let hasFailed = false;
  const flush = (): void => {
    if (waiting === "") return;
    const text = waiting;
    waiting = "";
    try {
      if (wasMoved(path, fd)) {
        // In this order: a number that is closed may be another file's by the next time.
        const before = fd;
        fd = openLog(path);
        closeSync(before);
      }
      writeSync(fd, text);
      hasFailed = false;
    } catch (error) {
      if (!hasFailed) warn(`lines of ${path} are lost: ${formatError(error)}`);
      hasFailed = true;
    }
  };
  const timer = setInterval(flush, GATHER_MS).unref();
  return {
    write(line) {
      waiting += `${line}\n`;
      if (waiting.length > GATHER_BYTES) flush();
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      flush();
      closeSync(fd);
    },
  };
}

function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o640);
  } catch (cause) {
    throw new GantryError("invalid-argument", `cannot write the log ${path}`, { cause });
  }
}

function wasMoved(path: string, fd: number): boolean {
  const [there, ours] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there === undefined || there.ino !== ours.ino || there.dev !== ours.dev;
}
