import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import { awaitReadable } from "../../platform/await-readable.ts";
import {
  type DescriptorMessage,
  openMessagePair,
  receiveMessage,
  sendMessage,
} from "../../platform/descriptor-messages.ts";
import { describeErrno } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { type CriuRequest, type CriuResponse, decodeResponse, encodeRequest } from "./criu-messages.ts";

const MAX_MESSAGE_BYTES = 64 * 1024;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface CriuProcessOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Our own 0 to 2 are criu's. @default false */
  readonly sharesStreams?: boolean;
  /** Descriptors that criu has from 4 on. @default none */
  readonly inherit?: readonly number[];
}

/** What criu tells while it works, of which process. */
export interface CriuNotification {
  readonly name: string;
  /** 0: of none. */
  readonly pid: number;
}

/** Closes the descriptors that came with it. */
export type CriuListener = (notification: CriuNotification, descriptors: readonly number[]) => Promise<void>;

function findCriu(environment: CriuProcessOptions["environment"]): string {
  const path = environment.PATH || DEFAULT_PATH;
  const found = path
    .split(":")
    // Not in whatever working folder we are called in.
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, "criu"))
    .find((candidate) => {
      try {
        accessSync(candidate, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
  if (found !== undefined) return found;
  throw new GantryError("unsupported", "criu is not installed: there is none in $PATH", {
    hint: "containers are checkpointed and restored by criu (Debian: apt-get install criu)",
  });
}

function cannotAsk(failure: number): GantryError {
  return new GantryError("internal", `cannot ask criu: ${describeErrno(-failure)}`);
}

/**
 * One `criu swrk`: criu as a child that serves one request, on a socket that it has as 3. When that socket ends it gives
 * up, and undoes what it did.
 */
export class CriuProcess implements AsyncDisposable {
  readonly pid: number;
  readonly #socket: number;
  /** Ready when criu has ended; negative before Linux 5.3. */
  readonly #pidfd: number;
  readonly #ended: Promise<string>;
  #isClosed = false;

  private constructor(child: ChildProcess, socket: number) {
    this.pid = child.pid ?? 0;
    this.#pidfd = syscall(SYS.pidfd_open, this.pid, 0);
    this.#socket = socket;
    this.#ended = new Promise((resolve) => {
      child.once("exit", (status, signal) => resolve(signal === null ? `exit status ${status}` : `signal ${signal}`));
    });
  }

  /** @throws `unsupported` without criu. */
  static async start(options: CriuProcessOptions): Promise<CriuProcess> {
    const program = findCriu(options.environment);
    const pair = openMessagePair();
    if (typeof pair === "number")
      throw new GantryError("internal", `cannot make a socket for criu: ${describeErrno(-pair)}`);
    const [ours, theirs] = pair;
    const streams = options.sharesStreams === true ? [0, 1, 2] : (["ignore", "ignore", "ignore"] as const);
    const child = spawn(program, ["swrk", "3"], {
      stdio: [...streams, theirs, ...(options.inherit ?? [])],
      env: options.environment as NodeJS.ProcessEnv,
    });
    const criu = new CriuProcess(child, ours);
    const failure = await new Promise<Error | undefined>((resolve) => {
      child.once("spawn", () => resolve(undefined));
      child.once("error", resolve);
    });
    // Only criu has it now: when criu ends, so does the conversation.
    closeSync(theirs);
    if (failure === undefined) return criu;
    closeSync(ours);
    throw new GantryError("unsupported", `cannot execute ${program}`, { cause: failure });
  }

  /**
   * Asks for one thing, and answers what criu asks back meanwhile. The thread waits.
   *
   * @throws what `listen` throws, once criu has given up because of it; `internal` when criu ends without a word.
   */
  async ask(request: CriuRequest, listen: CriuListener = async () => undefined): Promise<CriuResponse> {
    this.#send(request);
    let failure: unknown;
    for (;;) {
      const message = this.#receive();
      if (message === undefined || typeof message === "number" || message.bytes.length === 0) {
        if (failure !== undefined) throw failure;
        const how = typeof message === "number" ? describeErrno(-message) : await this.#end();
        throw new GantryError("internal", `criu gave no answer (${how})`);
      }
      const response = decodeResponse(message.bytes);
      const { notification } = response;
      if (response.type !== "notify" || notification === undefined) {
        for (const fd of message.descriptors) closeSync(fd);
        if (failure !== undefined) throw failure;
        return response;
      }
      try {
        await listen(notification, message.descriptors);
      } catch (error) {
        failure ??= error;
      }
      const sent = sendMessage(this.#socket, encodeRequest({ type: "notify", isNotified: failure === undefined }));
      if (sent < 0) failure ??= cannotAsk(sent);
    }
  }

  #send(request: CriuRequest): void {
    const failure = sendMessage(this.#socket, encodeRequest(request));
    if (failure < 0) throw cannotAsk(failure);
  }

  /** Undefined when criu has ended: the processes that it was making may have its socket still, and wait for it for ever. */
  #receive(): DescriptorMessage | number | undefined {
    const ready = awaitReadable([this.#socket, this.#pidfd]);
    if (typeof ready === "number") return ready;
    return ready[0] ? receiveMessage(this.#socket, MAX_MESSAGE_BYTES) : undefined;
  }

  #end(): Promise<string> {
    if (!this.#isClosed) for (const fd of [this.#socket, this.#pidfd]) if (fd >= 0) closeSync(fd);
    this.#isClosed = true;
    return this.#ended;
  }

  /** Waits until criu has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }
}

/** Asks a criu of its own. */
export async function askCriu(
  request: CriuRequest,
  environment: CriuProcessOptions["environment"],
): Promise<CriuResponse> {
  await using criu = await CriuProcess.start({ environment });
  return await criu.ask(request);
}
