import { join } from "node:path";

/** Compiles the exchanger of names (exchange-names.c) to `output`. */
export function buildExchanger(output: string): void {
  const { exitCode, stderr } = Bun.spawnSync([
    "cc",
    "-O1",
    "-o",
    output,
    join(import.meta.dirname, "exchange-names.c"),
  ]);
  if (exitCode !== 0) throw new Error(`the exchanger does not compile: ${stderr}`);
}

/** What an attacker does in a volume that is his: two names change places, some hundred thousand times a second. */
export class Exchange implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;

  constructor(program: string, one: string, other: string) {
    this.#process = Bun.spawn([program, one, other], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  }

  async begun(): Promise<void> {
    for await (const _ of this.#process.stdout) return;
    throw new Error("the exchanger has ended");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isRunning = this.#process.exitCode === null;
    this.#process.kill("SIGKILL");
    await this.#process.exited;
    if (!isRunning) throw new Error("the exchanger ended by itself: nothing was raced");
  }
}
