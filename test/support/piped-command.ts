import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TIMEOUT_MS = 60_000;

/** Waits for a state. */
export async function until(what: () => boolean, doing: string): Promise<void> {
  const end = Date.now() + TIMEOUT_MS;
  while (!what()) {
    if (Date.now() > end) throw new Error(`${doing}: it did not happen in time`);
    await Bun.sleep(10);
  }
}

/**
 * A command whose output goes into a pipe that something reads as long as anybody writes: what a container that outlives
 * its command has from its engine. (A file of the host's could not be dumped, nor could the sockets of a spawn.)
 */
export class PipedCommand {
  readonly #status: string;
  readonly #output: string;

  /** @param folder for its files. */
  constructor(command: readonly string[], options: { readonly folder: string; readonly cwd: string }) {
    const folder = mkdtempSync(join(options.folder, "piped-"));
    this.#status = join(folder, "status");
    this.#output = join(folder, "output");
    const script = '{ "$@" </dev/null; echo $? >"$STATUS.new"; mv "$STATUS.new" "$STATUS"; } 2>&1 | cat >"$OUTPUT"';
    spawn("/bin/sh", ["-c", script, "sh", ...command], {
      cwd: options.cwd,
      stdio: "ignore",
      env: { ...process.env, STATUS: this.#status, OUTPUT: this.#output },
    });
  }

  /** What it, and what it left, has printed so far. */
  get output(): string {
    return existsSync(this.#output) ? readFileSync(this.#output, "utf8") : "";
  }

  /** Waits for its end. */
  async status(): Promise<number> {
    await until(() => existsSync(this.#status), "the end of a command");
    return Number(readFileSync(this.#status, "utf8"));
  }
}
