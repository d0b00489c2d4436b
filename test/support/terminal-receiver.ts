import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { until } from "./piped-command.ts";

/** Listens on a console socket, takes the terminal that is sent there, and reads what the program says on it. */
export class TerminalReceiver implements Disposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    child.stdout?.on("data", (bytes) => {
      this.#said += bytes;
    });
  }

  /** @param folder for its program. */
  static async start(folder: string, socket: string): Promise<TerminalReceiver> {
    const program = join(folder, "receiver");
    const { status, stderr } = spawnSync("cc", ["-o", program, join(import.meta.dir, "terminal-receiver.c")]);
    if (status !== 0) throw new Error(`cc failed: ${stderr}`);
    const receiver = new TerminalReceiver(spawn(program, [socket], { stdio: ["ignore", "pipe", "inherit"] }));
    await until(() => existsSync(socket), `the console socket ${socket}`);
    return receiver;
  }

  /** Waits for the end of the terminal. @returns the name of its master, and all that was said there. */
  async end(): Promise<string> {
    await this.#ended;
    return this.#said;
  }

  /** Where no terminal comes it would wait for ever, and with our errors open. */
  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
