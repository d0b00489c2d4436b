import { join } from "node:path";

/** Compiles `seccomp-agent.c`. */
export function buildSeccompAgent(program: string): void {
  const source = join(import.meta.dirname, "seccomp-agent.c");
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-O1", "-o", program, source]);
  if (exitCode !== 0) throw new Error(`the agent does not compile: ${stderr}`);
}

/** A running agent of `seccomp-agent.c`, which says there what it does. */
export class SeccompAgent implements Disposable {
  readonly path: string;
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  readonly #lines: AsyncGenerator<string>;

  private constructor(program: string, options: { readonly path: string; readonly isDeaf?: boolean }) {
    this.path = options.path;
    const command = [program, options.path, ...(options.isDeaf ? ["deaf"] : [])];
    this.#process = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    this.#lines = readLines(this.#process.stdout);
  }

  /** Comes back when it listens. */
  static async start(
    program: string,
    options: { readonly path: string; readonly isDeaf?: boolean },
  ): Promise<SeccompAgent> {
    const agent = new SeccompAgent(program, options);
    const line = await agent.line();
    if (line !== "listening") throw new Error(`the agent does not listen at ${options.path}: ${line}`);
    return agent;
  }

  async line(): Promise<string> {
    const { value } = await this.#lines.next();
    return value ?? "the agent is gone";
  }

  [Symbol.dispose](): void {
    this.#process.kill("SIGKILL");
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + Buffer.from(bytes).toString()).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
