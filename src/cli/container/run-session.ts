import type { ContainerStateResource } from "../../api/container.ts";
import type { EngineApi } from "../../api/engine-api.ts";
import type { OutputFrame, StdioConnection } from "../../api/stdio-connection.ts";
import { isGantryError } from "../../errors/gantry-error.ts";
import { acrossRestarts, isDaemonGone } from "../across-restarts.ts";
import type { CommandContext } from "../command.ts";
import { followLog } from "../streams/follow-log.ts";
import { ResumableOutput } from "../streams/resumable-output.ts";
import { type AwaitedExit, awaitExit } from "./await-exit.ts";

/** When a container started that never did. */
export const NEVER = "0001-01-01T00:00:00Z";

export interface RunSessionOptions {
  readonly hasTty: boolean;
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  /** Wait until the container is gone as well. */
  readonly isRemoved: boolean;
  /** Of the run before: by another one we see that ours has begun. */
  readonly startedBefore: string;
  readonly detachKeys?: string;
}

/**
 * One run of a container that we are joined to from its start to its end, whatever becomes of the daemon meanwhile: output
 * and exit are then taken up from the log and from the record.
 */
export class RunSession implements StdioConnection {
  readonly output: AsyncIterable<OutputFrame>;
  readonly #context: CommandContext;
  readonly #id: string;
  readonly #options: RunSessionOptions;
  readonly #had: ResumableOutput;
  #connection: StdioConnection;
  #exit: AwaitedExit;
  #starting: Promise<unknown>;
  #isStarted = false;
  #isClosed = false;

  private constructor(context: CommandContext, id: string, joined: Joined, options: RunSessionOptions) {
    this.#context = context;
    this.#id = id;
    this.#options = options;
    this.#connection = joined.connection;
    this.#exit = joined.exit;
    this.#had = joined.had;
    this.#starting = joined.starting;
    this.output = this.#read();
  }

  /**
   * Attaches and waits, so that no output and no exit is missed, however short the container lives, and then starts it: `start`
   * tells how that went.
   */
  static async join(context: CommandContext, id: string, options: RunSessionOptions): Promise<RunSession> {
    return new RunSession(context, id, await join(await context.connect(), { context, id, options }), options);
  }

  /** Attaches to one that runs already: what it prints from now on, and how this run of it ends. */
  static async attach(context: CommandContext, id: string, options: RunSessionOptions): Promise<RunSession> {
    const api = await context.connect();
    const had = new ResumableOutput();
    // Registered before we attach: the status is that of this run, not of a later one.
    const exit = await awaitExit(api, id, { terminal: context.terminal, condition: "not-running" });
    const connection = await api.attachContainer(id, { ...streamsOf(options), onPosition: had.onPosition });
    const session = new RunSession(context, id, { connection, exit, had, starting: Promise.resolve() }, options);
    session.#isStarted = true;
    return session;
  }

  /** It is started. With a daemon that goes away just now it is started when that is back, unless it was already. */
  async start(): Promise<void> {
    try {
      await this.#starting;
      this.#isStarted = true;
    } catch (error) {
      if (!isDaemonGone(error)) throw error;
    }
  }

  /** What our process is to end with. */
  status(): Promise<number> {
    return this.#exit.status();
  }

  /** Resolves when the wait is over, however. */
  get settled(): Promise<unknown> {
    return this.#exit.isLost;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#connection.write(bytes);
  }

  closeStdin(): Promise<void> {
    return this.#connection.closeStdin();
  }

  close(): void {
    this.#isClosed = true;
    this.#connection.close();
  }

  async *#read(): AsyncGenerator<OutputFrame, void, undefined> {
    for (;;) {
      try {
        yield* this.#had.through(this.#connection.output);
      } catch (error) {
        if (!isDaemonGone(error)) throw error;
      }
      // A daemon that is killed ends the output as a program does: by the wait we know which of both it was.
      if (this.#isClosed || !(await this.#exit.isLost)) return;
      await acrossRestarts(this.#context, (api) => this.#rejoin(api));
    }
  }

  async #rejoin(api: EngineApi): Promise<void> {
    const id = this.#id;
    const { terminal } = this.#context;
    const options = this.#options;
    const state = await stateOf(api, id);
    if (!this.#isStarted && state?.StartedAt === options.startedBefore) {
      const joined = await join(api, { context: this.#context, id, options, had: this.#had });
      this.#connection = joined.connection;
      this.#exit = joined.exit;
      await joined.starting;
      this.#isStarted = true;
      return;
    }
    this.#isStarted = true;
    const condition = options.isRemoved ? "removed" : "not-running";
    const exit = await awaitExit(api, id, { terminal, condition });
    this.#connection = options.hasTty ? await this.#reattach(api, state) : await this.#readLog(api);
    this.#exit = exit;
  }

  /** A terminal shows what is printed now: what was printed meanwhile has its place in the log. */
  async #reattach(api: EngineApi, state: ContainerStateResource | undefined): Promise<StdioConnection> {
    await this.#say(`what was printed meanwhile is told by \`gantry logs ${this.#id.slice(0, 12)}\``);
    if (state?.Running !== true) return withoutStdin(nothing());
    return api.attachContainer(this.#id, { ...streamsOf(this.#options), stdout: true, stderr: true });
  }

  async #readLog(api: EngineApi): Promise<StdioConnection> {
    const { hasStdin, hasStdout: stdout, hasStderr: stderr } = this.#options;
    if (hasStdin) await this.#say("what we read from here on does not reach the container");
    if (!stdout && !stderr) return withoutStdin(nothing());
    const { terminal } = this.#context;
    const output = this.#had;
    if (output.position === undefined) await this.#say("what was printed meanwhile is missing here");
    try {
      const tail = output.position === undefined ? { tail: "0" } : {};
      return withoutStdin(await followLog(api, this.#id, { stdout, stderr, follow: true, ...tail, output, terminal }));
    } catch (error) {
      // It was removed, which is not done before we have had everything.
      if (isGantryError(error, "not-found")) return withoutStdin(nothing());
      throw error;
    }
  }

  #say(what: string): Promise<void> {
    return this.#context.terminal.stderr.write(`gantry: the daemon was restarted: ${what}\n`);
  }
}

interface Joined {
  readonly connection: StdioConnection;
  readonly exit: AwaitedExit;
  readonly had: ResumableOutput;
  readonly starting: Promise<unknown>;
}

function streamsOf({ hasStdin, hasStdout, hasStderr, detachKeys }: RunSessionOptions) {
  const keys = detachKeys === undefined ? {} : { detachKeys };
  return { stream: true, stdin: hasStdin, stdout: hasStdout, stderr: hasStderr, ...keys };
}

/** All three calls at once; the start waits for the other two, wherever it does so. */
async function join(
  api: EngineApi,
  run: {
    readonly context: CommandContext;
    readonly id: string;
    readonly options: RunSessionOptions;
    readonly had?: ResumableOutput;
  },
): Promise<Joined> {
  const { context, id, options } = run;
  const { terminal } = context;
  const had = run.had ?? new ResumableOutput();
  const gathering = `run-${terminal.now()}`;
  const answered = Promise.all([
    api.attachContainer(id, {
      ...streamsOf(options),
      gathering,
      onPosition: had.onPosition,
    }),
    awaitExit(api, id, { terminal, gathering, condition: options.isRemoved ? "removed" : "next-exit" }),
  ]);
  const starting = api.startContainer(id, { after: { gathering, count: 2, answered } });
  // Its failure is told by whoever waits for it; when the others fail it does not come to that.
  starting.catch(() => {});
  const [connection, exit] = await answered;
  return { connection, exit, had, starting };
}

/** Undefined when it is gone. */
async function stateOf(api: EngineApi, id: string): Promise<ContainerStateResource | undefined> {
  try {
    return (await api.inspectContainer(id)).State;
  } catch (error) {
    if (isGantryError(error, "not-found")) return undefined;
    throw error;
  }
}

/** Output alone; what is written to it goes nowhere. */
function withoutStdin(output: AsyncIterable<OutputFrame>): StdioConnection {
  return { output, write: async () => {}, closeStdin: async () => {}, close: () => {} };
}

async function* nothing(): AsyncGenerator<OutputFrame, void, undefined> {}
