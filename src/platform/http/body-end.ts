import type { IncomingMessage } from "node:http";

/** True if a request has a body (RFC 9112, section 6.3). */
export function hasBody({ headers }: Pick<IncomingMessage, "headers">): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** How the body of a request of node:http ends: it was read, or the rest of it is dropped. */
export class BodyEnd {
  /** Resolves when all of it was read; never, if that does not happen. */
  readonly ended: Promise<void>;
  readonly #incoming: IncomingMessage;
  readonly #closed: Promise<void>;
  #tellDropped: (bytes: number) => void = () => {};
  #discarding: Promise<void> | undefined;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
    this.ended = new Promise((resolve) => incoming.once("end", resolve));
    this.#closed = new Promise((resolve) => incoming.once("close", resolve));
  }

  /** True once all of it was read, or if there is none. */
  get isEnded(): boolean {
    return this.#incoming.readableEnded || !hasBody(this.#incoming);
  }

  /** To be told of what nobody reads. */
  dropped(bytes: number): void {
    this.#tellDropped(bytes);
  }

  /**
   * What `IncomingBody.discard` is.
   *
   * @param options.begin drops what is there and what comes, from now on; called once
   * @param options.whole as `IncomingBody.whole`
   */
  async discard(
    { begin, whole }: { readonly begin: () => Promise<void>; readonly whole: Promise<unknown> },
    onDropped = this.#tellDropped,
  ): Promise<void> {
    this.#tellDropped = onDropped;
    this.#discarding ??= begin();
    await this.#discarding;
    await Promise.race([whole, this.#closed]);
  }
}
