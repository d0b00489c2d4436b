/** A stream of the process that is written to. */
export interface Output {
  readonly isTerminal: boolean;
  /** Resolves when the bytes were taken: back-pressure. Writes keep their order. Fails with `EPIPE` in `code` when the reader is gone. */
  write(data: string | Uint8Array): Promise<void>;
}

/** Signals that the command line may be sent and that it can hand on. */
export type SignalName = NodeJS.Signals;

/**
 * What surrounds a command: its streams, its environment, its clock, its signals. Nothing in `src/cli` below the entry
 * reads `process`; tests pass one of their own.
 */
export interface Terminal {
  readonly stdin: {
    readonly isTerminal: boolean;
    /** What arrives; read only when asked for. */
    read(): AsyncIterable<Uint8Array>;
    /** Raw mode until disposed of, or until the process ends; `undefined` if stdin is no terminal. */
    setRawMode(): Disposable | undefined;
  };
  readonly stdout: Output;
  readonly stderr: Output;
  /** Of the terminal that stdout shows on. */
  size(): { readonly width: number; readonly height: number } | undefined;
  onResize(listener: () => void): Disposable;
  /** From now on these signals go to `listener` and no longer end the process. */
  onSignals(names: readonly SignalName[], listener: (name: SignalName) => void): Disposable;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** @throws `unavailable` when it was removed: read it only for what is relative to it. */
  readonly workingDirectory: string;
  /** The effective user's number. */
  readonly userId: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Microseconds of the monotonic clock (CLOCK_MONOTONIC): now, and when this process began. */
  monotonic(): Promise<{ readonly nowUs: () => number; readonly beganUs: number }>;
  /** Minutes that local time is ahead of UTC at a moment, and the zone's short name. */
  timeZone(atMs: number): { readonly offsetMinutes: number; readonly name: string };
}
