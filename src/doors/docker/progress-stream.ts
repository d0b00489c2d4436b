import type { ProgressMessage } from "../../api/image.ts";
import { errorAnswer } from "./error-status.ts";
import type { AnswerStream, Exchange } from "./exchange.ts";

/** How many messages wait for a slow client; of those beyond, only the newest of each layer is kept. */
const QUEUE_LENGTH = 256;

/**
 * The stream of progress of one action. Its head is sent with the first message: an action that fails before is
 * answered with its own status, one that fails later with a message in the stream, as Docker does.
 */
export class ProgressStream {
  readonly #exchange: Exchange;
  readonly #queue: ProgressMessage[] = [];
  #stream: AnswerStream | undefined;
  #sending: Promise<void> | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  async run(action: (report: (message: ProgressMessage) => void) => Promise<void>): Promise<void> {
    try {
      await action((message) => this.#report(message));
    } catch (error) {
      if (this.#stream === undefined) throw error;
      const { status, message } = errorAnswer(error);
      this.#report({ errorDetail: { code: status, message }, error: message });
    }
    this.#stream ??= this.#exchange.openStream("application/json");
    await this.#sending;
    this.#stream.end();
  }

  #report(message: ProgressMessage): void {
    // A slow client costs no memory: what is superseded anyway is dropped.
    if (this.#queue.length >= QUEUE_LENGTH && message.id !== undefined) {
      const older = this.#queue.findLastIndex(({ id, status }) => id === message.id && status === message.status);
      if (older !== -1) this.#queue.splice(older, 1);
    }
    this.#queue.push(message);
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    this.#stream ??= this.#exchange.openStream("application/json");
    try {
      for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
        await this.#stream.write(`${JSON.stringify(message)}\r\n`);
      }
    } catch {
      this.#queue.length = 0; // The client has gone: the action is told by the exchange's signal.
    }
    this.#sending = undefined;
  }
}
