import { GantryError } from "../../errors/gantry-error.ts";
import type { EngineAttachment } from "../dependencies.ts";
import type { OutputChunk, StdioSession } from "../engine.ts";

/**
 * One client's connection to standard streams that may not be there yet: a created container may be attached to, and what
 * the client sends waits until the monitor is there.
 */
export class PendingSession implements StdioSession {
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the client has had everything, or has left. */
  readonly ended: Promise<void>;
  readonly #bound = Promise.withResolvers<EngineAttachment | undefined>();
  readonly #end = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(options: { readonly output?: AsyncIterable<OutputChunk> } = {}) {
    this.ended = this.#end.promise;
    this.output = this.#deliver(options.output);
  }

  /** Connects it. Called once, with what the monitor gave, or with nothing when there will be no process. */
  bind(attachment: EngineAttachment | undefined): void {
    if (this.#isClosed) attachment?.close();
    this.#bound.resolve(attachment);
    if (attachment === undefined) this.#end.resolve();
  }

  /** All that it gives comes from the log; there is nothing to write to. */
  bindToLog(): void {
    this.#bound.resolve(undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await (await this.#connected()).write(bytes);
  }

  async closeStdin(): Promise<void> {
    await (await this.#bound.promise)?.closeStdin();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#end.resolve();
    this.#bound.promise.then((attachment) => attachment?.close());
    this.#bound.resolve(undefined);
  }

  async #connected(): Promise<EngineAttachment> {
    const attachment = await this.#bound.promise;
    if (attachment === undefined) throw new GantryError("conflict", "there is no process to write to");
    return attachment;
  }

  async *#deliver(instead: AsyncIterable<OutputChunk> | undefined): AsyncGenerator<OutputChunk> {
    try {
      const attachment = await this.#bound.promise;
      if (instead !== undefined) yield* instead;
      else if (attachment !== undefined) yield* attachment.output;
    } finally {
      this.#end.resolve();
    }
  }
}
