import type { CreateContainerRequest } from "../api/container-config.ts";
import type { EngineApi } from "../api/engine-api.ts";
import { GantryError } from "../errors/gantry-error.ts";
import { connectEngine } from "./engine-client.ts";

export interface RunOptions extends CreateContainerRequest {
  readonly name?: string;
  /** Sent to the program's standard input, which then ends. */
  readonly input?: string | Uint8Array;
  /**
   * The most that is kept of stdout and of stderr.
   * @default 16 MiB
   */
  readonly maxOutputBytes?: number;
  /** Kills and removes the container. */
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * The way in for programs.
 *
 * ```ts
 * const gantry = new Gantry();
 * const { stdout } = await gantry.run("busybox", ["uname", "-r"]);
 * ```
 */
export class Gantry {
  /** Every call of the Engine API. */
  readonly api: EngineApi;

  /** Nothing is connected before the first call. */
  constructor(options: { readonly host?: string } = {}) {
    this.api = connectEngine(options.host);
  }

  /**
   * Runs a command in a new container, waits for its end and removes the container. The image has to be there: see `pull`.
   *
   * @throws `exhausted` if it printed more than is kept; the container is removed all the same.
   */
  async run(image: string, command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { name, input, maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES, signal, ...request } = options;
    const call = signal === undefined ? {} : { signal };
    const hasInput = input !== undefined;
    const container = await this.api.createContainer(
      {
        ...request,
        Image: image,
        Cmd: command,
        AttachStdout: true,
        AttachStderr: true,
        ...(hasInput ? { AttachStdin: true, OpenStdin: true, StdinOnce: true } : {}),
      },
      { ...call, ...(name === undefined ? {} : { name }) },
    );
    try {
      const stdio = await this.api.attachContainer(container.Id, {
        ...call,
        stream: true,
        stdin: hasInput,
        stdout: true,
        stderr: true,
      });
      const { result } = await this.api.waitContainer(container.Id, { ...call, condition: "next-exit" });
      await this.api.startContainer(container.Id, call);
      const feeding = hasInput ? feed(stdio, input) : Promise.resolve();
      const [output] = await Promise.all([collect(stdio.output, maxOutputBytes), feeding]);
      const { StatusCode, Error: error } = await result;
      if (error?.Message) throw new GantryError("internal", error.Message);
      return { exitCode: StatusCode, ...output };
    } finally {
      await this.api.removeContainer(container.Id, { force: true, volumes: true });
    }
  }

  /** Makes an image available; `onProgress` is told each step. */
  async pull(
    image: string,
    options: { readonly platform?: string; readonly onProgress?: (status: string) => void } = {},
  ): Promise<void> {
    const { platform, onProgress } = options;
    const request = platform === undefined ? { fromImage: image } : { fromImage: image, platform };
    for await (const { id, status } of await this.api.pullImage(request)) {
      if (status !== undefined) onProgress?.(id === undefined ? status : `${id}: ${status}`);
    }
  }
}

async function feed(
  stdio: { write(bytes: Uint8Array): Promise<void>; closeStdin(): Promise<void> },
  input: string | Uint8Array,
): Promise<void> {
  try {
    await stdio.write(typeof input === "string" ? Buffer.from(input) : input);
    await stdio.closeStdin();
  } catch {
    // The program ended without reading all of it, as `head` does: its exit code tells the rest.
  }
}

async function collect(
  output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>,
  maxBytes: number,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const parts: Record<"stdout" | "stderr", Uint8Array[]> = { stdout: [], stderr: [] };
  const lengths = { stdout: 0, stderr: 0 };
  for await (const { stream, bytes } of output) {
    lengths[stream] += bytes.byteLength;
    if (lengths[stream] > maxBytes) {
      throw new GantryError("exhausted", `the program printed more than ${maxBytes} bytes`, {
        hint: "raise maxOutputBytes, or attach and read the stream",
      });
    }
    parts[stream].push(bytes);
  }
  return {
    stdout: Buffer.concat(parts.stdout).toString("utf8"),
    stderr: Buffer.concat(parts.stderr).toString("utf8"),
  };
}
