/** A piece of what a container or an exec printed. With a terminal everything is `stdout`. */
export interface OutputFrame {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** A two-way connection to the standard streams of a container or an exec (a hijacked HTTP connection). */
export interface StdioConnection {
  /** Ends with the process's output, or when the daemon detached. Not reading it slows the container down. */
  readonly output: AsyncIterable<OutputFrame>;
  /** Resolves when the bytes were handed to the kernel: back-pressure. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends stdin (half-close); output goes on. */
  closeStdin(): Promise<void>;
  /** Ends both directions at once: detaches. */
  close(): void;
}
