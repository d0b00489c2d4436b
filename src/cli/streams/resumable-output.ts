import type { OutputFrame } from "../../api/stdio-connection.ts";

/**
 * Output that can be taken up again where a connection broke: it knows a position in the container's log, and how much has been
 * had since. Neither loses nor repeats a byte, whoever sends the rest.
 */
export class ResumableOutput {
  #position: string | undefined;
  /** Bytes behind the position: had altogether, and seen on this connection. */
  readonly #had = { stdout: 0, stderr: 0 };
  readonly #seen = { stdout: 0, stderr: 0 };

  /** Where to begin again; undefined when nobody has said. */
  get position(): string | undefined {
    return this.#position;
  }

  /** To be told of each position, in its place between the frames. */
  readonly onPosition = (position: string): void => {
    this.#position = position;
    for (const stream of ["stdout", "stderr"] as const) {
      this.#had[stream] -= this.#seen[stream];
      this.#seen[stream] = 0;
    }
  };

  /** What of a connection's output is new. */
  async *through(output: AsyncIterable<OutputFrame>): AsyncGenerator<OutputFrame, void, undefined> {
    this.#seen.stdout = 0;
    this.#seen.stderr = 0;
    for await (const { stream, bytes } of output) {
      const known = Math.max(0, Math.min(bytes.byteLength, this.#had[stream] - this.#seen[stream]));
      this.#seen[stream] += bytes.byteLength;
      this.#had[stream] = Math.max(this.#had[stream], this.#seen[stream]);
      if (known < bytes.byteLength) yield { stream, bytes: bytes.subarray(known) };
    }
  }

  /** The position is of no use any more: what comes now is new. */
  forget(): void {
    this.#position = undefined;
    this.#had.stdout = 0;
    this.#had.stderr = 0;
  }
}
