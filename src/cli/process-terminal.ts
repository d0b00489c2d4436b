import { fstatSync, write, writeSync } from "node:fs";
import { GantryError } from "../errors/gantry-error.ts";
import { readStandardInput } from "../platform/standard-input.ts";
import type { Output, SignalName, Terminal } from "./terminal.ts";

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const RETRY_FULL_MS = 5;

/** Major number of /dev/null and its like (Documentation/admin-guide/devices.txt). */
const MEMORY_DEVICES = 1;

/** Whether it is worth asking if `fd` is a terminal. */
function mayBeTerminal(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    return status.isCharacterDevice() && status.rdev >> 8 !== MEMORY_DEVICES;
  } catch {
    return false; // closed by whoever started us
  }
}

/**
 * Writes all of `bytes`; a descriptor that somebody made non-blocking is tried again while it is full.
 *
 * @param mayBlock nothing else is waited for: saves the start of threads, half a millisecond.
 */
function writeAll(fd: number, bytes: Uint8Array, mayBlock: boolean): Promise<void> {
  const start = mayBlock ? writeAtOnce(fd, bytes) : 0;
  return new Promise((resolve, reject) => {
    const next = (offset: number) => {
      if (offset >= bytes.length) return resolve();
      write(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
        if (error?.code === "EAGAIN") setTimeout(next, RETRY_FULL_MS, offset);
        else if (error) reject(error);
        else next(offset + written);
      });
    };
    next(start);
  });
}

/** @returns how many bytes went; what is wrong is told by the next write. */
function writeAtOnce(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch {
    return 0;
  }
}

function createOutput(fd: number, isTerminal: boolean, mayBlock: () => boolean): Output {
  let last = Promise.resolve();
  return {
    isTerminal,
    write(data) {
      const bytes = typeof data === "string" ? Buffer.from(data) : data;
      const written = last.then(() => writeAll(fd, bytes, mayBlock()));
      last = written.catch(() => {});
      return written;
    },
  };
}

/** The terminal of this very process: the only place of the command line that reads `process`. */
export async function openProcessTerminal(): Promise<Terminal> {
  // Asked by FFI, whose loading a command without a terminal does not pay; node:tty would cost everybody 4 ms.
  const device = [STDIN, STDOUT, STDERR].some(mayBeTerminal)
    ? await import("../platform/terminal-device.ts")
    : undefined;
  const isTerminal = (fd: number) => mayBeTerminal(fd) && (device?.isTerminalDevice(fd) ?? false);
  const stdinIsTerminal = isTerminal(STDIN);
  let listeners = 0;
  const mayBlock = () => listeners === 0; // A signal that is to be handed on must not wait for whoever reads our output.
  const stdout = createOutput(STDOUT, isTerminal(STDOUT), mayBlock);
  return {
    stdin: {
      isTerminal: stdinIsTerminal,
      read: readStandardInput,
      setRawMode() {
        const mode = stdinIsTerminal ? device?.setRawMode(STDIN) : undefined;
        if (mode === undefined) return undefined;
        const restore = () => mode[Symbol.dispose]();
        process.on("exit", restore);
        return {
          [Symbol.dispose]() {
            process.off("exit", restore);
            restore();
          },
        };
      },
    },
    stdout,
    stderr: createOutput(STDERR, isTerminal(STDERR), mayBlock),
    size: () => (stdout.isTerminal ? device?.terminalSize(STDOUT) : undefined),
    onResize(listener) {
      process.on("SIGWINCH", listener);
      return { [Symbol.dispose]: () => void process.off("SIGWINCH", listener) };
    },
    onSignals(names, listener) {
      const heard = (name: SignalName) => listener(name);
      for (const name of names) process.on(name, heard);
      listeners++;
      return {
        [Symbol.dispose]() {
          listeners--;
          for (const name of names) process.off(name, heard);
        },
      };
    },
    environment: process.env,
    get workingDirectory() {
      return currentFolder();
    },
    userId: process.geteuid?.() ?? 0,
    now: Date.now,
    async monotonic() {
      // By FFI, like the terminal's: only who asks pays.
      const { monotonicUs } = await import("../platform/monotonic-clock.ts");
      return { nowUs: monotonicUs, beganUs: monotonicUs() - performance.now() * 1000 };
    },
    timeZone(atMs) {
      const date = new Date(atMs);
      const offsetMinutes = -date.getTimezoneOffset();
      const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
      const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "UTC";
      return { offsetMinutes, name };
    },
  };
}

/** Asked for only when a command needs it: the folder may have been removed under its shell. */
function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new GantryError("unavailable", "the working folder does not exist any more", {
      hint: "change to one that does",
    });
  }
}
