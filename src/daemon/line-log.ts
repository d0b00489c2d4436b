import { closeSync, constants, fstatSync, openSync, statSync, writeSync } from "node:fs";
import { formatError, GantryError } from "../errors/gantry-error.ts";

/** A log file, open. */
export interface LineLog extends Disposable {
  /** Adds a line. Never throws: a log that cannot be written is told of once. */
  readonly write: (line: string) => void;
}

/** How long lines are gathered, so that each needs no system call of its own. */
const GATHER_MS = 100;
const GATHER_BYTES = 64 * 1024;
/** What a pipe has no room for is held for its reader, up to this. */
const HELD_BYTES_MAX = 256 * 1024;

/**
 * Opens a log that is added to. A file that was moved away (logrotate) is made anew. A pipe is never waited for: one that nobody reads loses
 * whole lines.
 *
 * @throws `invalid-argument` if it cannot be opened
 */
export function openLineLog(path: string, warn: (sentence: string) => void): LineLog {
  let fd = openLog(path);
  let waiting = "";
  let held: Uint8Array = new Uint8Array();
  let hasFailed = false;
  const lost = (why: string): void => {
    if (!hasFailed) warn(`lines of ${path} are lost: ${why}`);
    hasFailed = true;
  };
  const flush = (): void => {
    if (waiting === "" && held.length === 0) return;
    const bytes = Buffer.concat([held, Buffer.from(waiting)]);
    waiting = "";
    held = new Uint8Array();
    try {
      if (wasMoved(path, fd)) {
        // In this order: a number that is closed may be another file's by the next time.
        const before = fd;
        fd = openLog(path);
        closeSync(before);
      }
      held = bytes.subarray(writeWhatFits(fd, bytes));
      if (held.length <= HELD_BYTES_MAX) hasFailed &&= held.length > 0;
      else {
        held = held.subarray(0, held.indexOf(10) + 1);
        lost("nobody reads that pipe");
      }
    } catch (error) {
      lost(formatError(error));
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
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
  try {
    return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640);
  } catch (cause) {
    const isUnread = cause instanceof Error && "code" in cause && cause.code === "ENXIO";
    const hint = isUnread ? { hint: "a pipe has to have a reader before it is a log" } : {};
    throw new GantryError("invalid-argument", `cannot write the log ${path}`, { cause, ...hint });
  }
}

/** @returns how many of the bytes are written: less than all where a pipe is full. */
function writeWhatFits(fd: number, bytes: Uint8Array): number {
  let written = 0;
  try {
    while (written < bytes.length) written += writeSync(fd, bytes, written);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
  }
  return written;
}

function wasMoved(path: string, fd: number): boolean {
  const [there, ours] = [statSync(path, { throwIfNoEntry: false }), fstatSync(fd)];
  return there === undefined || there.ino !== ours.ino || there.dev !== ours.dev;
}
