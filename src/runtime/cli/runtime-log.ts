import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno } from "../../platform/errno.ts";
import { closeRawFile, OPEN, openRawFile, writeRawText } from "../../platform/raw-file.ts";
import type { RuntimeHost } from "./runtime-host.ts";

export type LogLevel = "error" | "warning" | "info" | "debug";

/** One line as logrus writes it, whose readers (conmon, containerd's shim) look for `level` and `msg`. */
export function formatLogLine(
  level: LogLevel,
  message: string,
  options: { readonly format: "text" | "json"; readonly now: Date },
): string {
  const time = options.now.toISOString().replace(/\.\d+Z$/, "Z");
  if (options.format === "json") return `${JSON.stringify({ level, msg: message, time })}\n`;
  return `time="${time}" level=${level} msg=${/^[\w./@^+-]+$/.test(message) ? message : JSON.stringify(message)}\n`;
}

/** Adds to a file, which is made. @returns 0 or -errno */
function append(path: string, text: string): number {
  const fd = openRawFile(path, OPEN.writeOnly | OPEN.create | OPEN.append, 0o644);
  if (fd < 0) return fd;
  const failure = writeRawText(fd, text);
  closeRawFile(fd);
  return failure;
}

/** Where what went wrong is told: a file that somebody reads, or the standard error stream. */
export class RuntimeLog {
  readonly #host: RuntimeHost;
  readonly #path: string | undefined;
  readonly #format: "text" | "json";
  readonly #isDebug: boolean;

  constructor(
    host: RuntimeHost,
    options: { readonly log?: string; readonly logFormat: "text" | "json"; readonly isDebug: boolean },
  ) {
    this.#host = host;
    this.#path = options.log;
    this.#format = options.logFormat;
    this.#isDebug = options.isDebug;
  }

  /**
   * Makes the file, so that nothing begins whose failure could not be told.
   *
   * @throws `invalid-argument`
   */
  open(): void {
    if (this.#path === undefined || this.#path === "/dev/stderr") return;
    const failure = append(this.#path, "");
    if (failure < 0)
      throw new GantryError("invalid-argument", `cannot open the log ${this.#path}: ${describeErrno(-failure)}`);
  }

  write(level: LogLevel, message: string): void {
    if (level === "debug" && !this.#isDebug) return;
    const line = formatLogLine(level, message, { format: this.#format, now: this.#host.now() });
    if (this.#path === undefined || this.#path === "/dev/stderr") {
      this.#host.complain(line);
      return;
    }
    const failure = append(this.#path, line);
    if (failure < 0) this.#host.complain(`gantry: cannot write the log ${this.#path}: ${describeErrno(-failure)}\n`);
  }

  /** An error that ends the command: in the log, and for whoever looks at the terminal. */
  fail(message: string): void {
    this.write("error", message);
    if (this.#path !== undefined && this.#path !== "/dev/stderr") this.#host.complain(`${message}\n`);
  }
}
