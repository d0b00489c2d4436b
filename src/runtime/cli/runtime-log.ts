import { appendFileSync } from "node:fs";
import { GantryError } from "../../errors/gantry-error.ts";
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
    try {
      appendFileSync(this.#path, "", { mode: 0o644 });
    } catch (error) {
      throw new GantryError(
        "invalid-argument",
        `cannot open the log ${this.#path}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  write(level: LogLevel, message: string): void {
    if (level === "debug" && !this.#isDebug) return;
    const line = formatLogLine(level, message, { format: this.#format, now: this.#host.now() });
    if (this.#path === undefined || this.#path === "/dev/stderr") {
      this.#host.complain(line);
      return;
    }
    try {
      appendFileSync(this.#path, line, { mode: 0o644 });
    } catch (error) {
      this.#host.complain(
        `gantry: cannot write the log ${this.#path}: ${error instanceof Error ? error.message : error}\n`,
      );
    }
  }

  /** An error that ends the command: in the log, and for whoever looks at the terminal. */
  fail(message: string): void {
    this.write("error", message);
    if (this.#path !== undefined && this.#path !== "/dev/stderr") this.#host.complain(`${message}\n`);
  }
}
