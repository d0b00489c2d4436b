import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkoutProgram } from "./daemon.ts";
import { endChild } from "./end-child.ts";

export interface RegistryProcessOptions {
  /** Further options of `gantry registry serve`. */
  readonly args?: readonly string[];
  /** Another program that says where it serves; the root is its last argument. @default `gantry registry serve` of this checkout */
  readonly program?: readonly string[];
  /** Of the program, beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the program is started by, as `strace …`. */
  readonly before?: readonly string[];
  /** Where it keeps everything; it is left alone at the end. @default a folder of its own */
  readonly root?: string;
}

/** `gantry registry serve` on a free loopback port: a process of its own, which can be killed and started again. */
export class RegistryProcess implements AsyncDisposable {
  readonly root: string;
  readonly #options: RegistryProcessOptions;
  #child: ChildProcess | undefined;
  #log = "";
  #host = "";

  private constructor(options: RegistryProcessOptions) {
    this.#options = options;
    this.root = options.root ?? mkdtempSync(join(tmpdir(), "gantry-registry-process-"));
  }

  static async start(options: RegistryProcessOptions = {}): Promise<RegistryProcess> {
    const registry = new RegistryProcess(options);
    try {
      await registry.up();
      return registry;
    } catch (error) {
      await registry[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `127.0.0.1:PORT`; another one after each start. */
  get host(): string {
    return this.#host;
  }

  get url(): string {
    return `http://${this.#host}`;
  }

  get port(): number {
    return Number(this.#host.split(":")[1]);
  }

  /** Of what was started: of `before`, if there is one. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What it said on standard error since it was started. */
  get log(): string {
    return this.#log;
  }

  /** True if it was started and has not ended. */
  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it on the same root again; resolves when it serves. */
  async up(): Promise<void> {
    const { before = [], args = [], program } = this.#options;
    const serve = [...checkoutProgram, "registry", "serve", "--listen", "127.0.0.1:0", "--root", this.root, ...args];
    const [file = "", ...rest] = [...before, ...(program === undefined ? serve : [...program, this.root])];
    const child = spawn(file, rest, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/", NO_COLOR: "1", ...this.#options.env },
    });
    this.#child = child;
    this.#log = "";
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    child.stderr?.on("data", (chunk: Buffer) => {
      if (this.#log.length < 256 * 1024) this.#log += chunk.toString();
      const address = /serves at (\S+)\n/.exec(this.#log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.on("error", reject);
    child.on("exit", (status, signal) =>
      reject(new Error(`the registry ended with ${status ?? signal}:\n${this.#log}`)),
    );
    this.#host = await promise;
  }

  /** Ends it by a signal, and waits for its end. */
  async down(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endChild(child, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down("SIGKILL");
    if (this.#options.root === undefined) rmSync(this.root, { recursive: true, force: true });
  }
}
