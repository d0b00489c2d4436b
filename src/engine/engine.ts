import type { Trace } from "../trace/trace.ts";
import type { Container, ContainerId } from "./container/container.ts";
import type { ContainerConfig, ResourceConfig } from "./container/container-config.ts";

/** One chunk of what a container or an exec printed. With a terminal everything is `stdout`. */
export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** A two-way connection to the standard streams of a container or an exec. */
export interface StdioSession {
  /** Ends with the process's output, or after `close`. Reading slowly slows the container down. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when the bytes were taken: back-pressure. */
  write(bytes: Uint8Array): Promise<void>;
  closeStdin(): Promise<void>;
  /** Detaches; the process goes on. */
  close(): void;
}

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** First what was printed before (from the log), then what follows, each byte once. */
  readonly logs?: boolean;
  /** Default true; false with `logs`: only what was printed before. */
  readonly stream?: boolean;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface WaitResult {
  readonly exitCode: number;
  readonly error?: string;
}

export interface LogsOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow?: boolean;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
  /** Number of last lines; left out: all. */
  readonly tail?: number;
  /** Begins here, instead of where `tail` says. */
  readonly from?: LogPosition;
  readonly signal?: AbortSignal;
}

/** A place in a container's log: before the record that begins there. Log files have numbers that only grow. */
export interface LogPosition {
  readonly number: number;
  /** Bytes into the file of that number. */
  readonly offset: number;
}

export interface LogRecord extends OutputChunk {
  readonly timeNs: bigint;
  readonly position: LogPosition;
}

export interface ContainerLog extends AsyncIterable<LogRecord> {
  /** It had a terminal: what was printed is one stream. */
  readonly isTerminal: boolean;
}

export interface ExecConfig {
  readonly command: readonly string[];
  readonly env?: readonly string[];
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly tty?: boolean;
  readonly openStdin?: boolean;
  readonly attachStdout?: boolean;
  readonly attachStderr?: boolean;
  readonly privileged?: boolean;
  /** What a front end that starts it looks for in what is typed, to detach: kept and told back, otherwise without effect. */
  readonly detachKeys?: string;
}

export interface Exec {
  readonly id: string;
  readonly containerId: ContainerId;
  readonly config: ExecConfig;
  readonly running: boolean;
  /** Undefined until it has ended. */
  readonly exitCode?: number;
  readonly pid: number;
}

/** One reading of a container's resource use. */
export interface StatsSample {
  readonly timeNs: bigint;
  readonly cpu: {
    readonly totalNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    readonly throttledPeriods: number;
    readonly periods: number;
    readonly throttledNs: number;
    /** Of the whole host. */
    readonly hostTotalNs: number;
    readonly onlineCpus: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    readonly limitBytes: number;
    readonly maxUsageBytes?: number;
    readonly failures: number;
    readonly details: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit?: number };
  readonly blockIo: readonly {
    readonly major: number;
    readonly minor: number;
    readonly op: "read" | "write";
    readonly bytes: number;
  }[];
  readonly networks: Readonly<Record<string, NetworkCounters>>;
}

export interface NetworkCounters {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** Processes of a container, as `ps` prints them. */
export interface ProcessTable {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * The life of containers. Names are resolved as Docker does: the full id, then the name, then a unique prefix of ids.
 * Each method throws `not-found` (`No such container: NAME`) for what is not there.
 */
export interface Engine {
  /** Records a container and prepares what it needs; nothing runs yet. `already-exists` → the name is taken (`conflict`). */
  create(
    config: ContainerConfig,
    options: { readonly name?: string; readonly trace?: Trace },
  ): Promise<{ readonly id: ContainerId; readonly warnings: readonly string[] }>;
  /**
   * Idempotent: starting what runs does nothing and says `already-started`.
   *
   * @param options `trace`: notes the start, and the end when it comes. `after`: not before so many have joined the
   *   gathering of that name; `signal` gives that up.
   */
  start(
    name: string,
    options?: {
      readonly trace?: Trace;
      readonly after?: { readonly gathering: string; readonly count: number };
      readonly signal?: AbortSignal;
    },
  ): Promise<"started" | "already-started">;
  /** A call that a start waits for (`after`) has been registered. */
  joinGathering(name: string, gathering: string): void;
  /** Sends the stop signal, waits, kills. */
  stop(
    name: string,
    options?: { readonly timeoutSeconds?: number; readonly signal?: string },
  ): Promise<"stopped" | "already-stopped">;
  restart(name: string, options?: { readonly timeoutSeconds?: number; readonly signal?: string }): Promise<void>;
  kill(name: string, options?: { readonly signal?: string }): Promise<void>;
  pause(name: string): Promise<void>;
  unpause(name: string): Promise<void>;
  rename(name: string, newName: string): Promise<void>;
  /** Changes limits, of a running container too. @throws `invalid-argument` for one that cannot be changed. */
  update(name: string, change: ResourceConfig): Promise<{ readonly warnings: readonly string[] }>;
  remove(name: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>;
  inspect(name: string): Container;
  /** Newest first. */
  list(): readonly Container[];
  /** Bytes that the container wrote, and those of its image with them. */
  size(name: string): Promise<{ readonly writtenBytes: number; readonly totalBytes: number }>;
  wait(
    name: string,
    options?: { readonly condition?: WaitCondition; readonly signal?: AbortSignal },
  ): {
    /** Resolves when the wait is registered: from here on no exit is missed. */
    readonly registered: Promise<void>;
    readonly result: Promise<WaitResult>;
  };
  /** A created container may be attached to before it starts. */
  attach(name: string, options: AttachOptions): Promise<StdioSession>;
  resize(name: string, size: { readonly width: number; readonly height: number }): Promise<void>;
  /**
   * What a container printed, in order; with `follow` on to its end. One that was removed within the last ten minutes while
   * somebody may still have been reading is found by its whole id.
   *
   * @throws `data-loss` when what stood at `from` has been dropped.
   */
  logs(name: string, options: LogsOptions): Promise<ContainerLog>;
  /** Where the last `tail` lines begin; with 0 the end. */
  logPosition(name: string, options: { readonly tail?: number }): Promise<LogPosition>;
  top(name: string, psArguments?: string): Promise<ProcessTable>;
  /** One reading at once when `stream` is false, else one a second until the container is gone or `signal` fires. */
  stats(
    name: string,
    options?: { readonly stream?: boolean; readonly signal?: AbortSignal },
  ): AsyncIterable<StatsSample>;

  createExec(containerName: string, config: ExecConfig): Promise<Exec>;
  /** Starts it and gives its streams; `undefined` when `detach`. */
  startExec(
    id: string,
    options?: { readonly detach?: boolean; readonly consoleSize?: { readonly width: number; readonly height: number } },
  ): Promise<StdioSession | undefined>;
  resizeExec(id: string, size: { readonly width: number; readonly height: number }): Promise<void>;
  inspectExec(id: string): Exec;

  /** After a start of the daemon: takes up what still runs, records what ended, removes what is left over. */
  recover(): Promise<void>;
  /** Lets go of everything; containers go on. */
  close(): Promise<void>;
}
