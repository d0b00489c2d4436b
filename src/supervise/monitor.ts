import { GantryError } from "../errors/gantry-error.ts";
import { explainFailure, type StepFailure } from "../runtime/plan/explain-failure.ts";
import type { Plan } from "../runtime/plan/steps.ts";
import { type Attachment, openAttachment } from "./attachment.ts";
import type { ExitRecord } from "./exit-record.ts";
import { decodeExit, decodeFailure, decodeTimes, FRAME, type Frame, type MonitorTimes } from "./frames.ts";
import { MonitorConnection } from "./monitor-connection.ts";
import type { ProcessIdentity } from "./process-identity.ts";

/** One container's (or exec's) monitor, which lives on without us. */
export interface Monitor {
  readonly init: ProcessIdentity;
  readonly monitor: ProcessIdentity;
  /** As far as things have happened since this daemon is connected. */
  readonly times: MonitorTimes;
  /** Resolves when all is assembled and init waits at the barrier. Rejects with the failing step as a sentence. */
  ready(): Promise<void>;
  /** Lets init execute the program. Resolves once execve succeeded. Rejects: not-found with exitCode 127, permission-denied with exitCode 126, … */
  start(): Promise<void>;
  /** Gives up a monitor that was not started: kills init, waits for it. */
  abandon(): Promise<void>;
  resize(size: { readonly width: number; readonly height: number }): Promise<void>;
  /** Attaches now; output from this moment on. */
  attach(options: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }): Promise<Attachment>;
  /** Resolves after the end of stdio was delivered and the exit record written. Stays pending after `disconnect`. */
  readonly exited: Promise<ExitRecord>;
  /** Drops the connection of this daemon; the container goes on. */
  disconnect(): void;
}

interface Deferred {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function defer(): Deferred {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A failure that nobody asked about is told by `exited` too.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

export interface MonitorOptions {
  readonly socketPath: string;
  readonly bootId: string;
  /** What init runs, to say which step failed; absent after a restart of the daemon. */
  readonly plan?: Plan;
  /** Called when the connection ended without word of the exit: reads the record, or cleans up after a killed monitor. */
  settle(identities: { readonly init: ProcessIdentity; readonly monitor: ProcessIdentity }): Promise<ExitRecord>;
}

/** The monitor at the other end of a connection. */
export class ConnectedMonitor implements Monitor {
  readonly init: ProcessIdentity;
  readonly monitor: ProcessIdentity;
  readonly exited: Promise<ExitRecord>;
  readonly #connection: MonitorConnection;
  readonly #options: MonitorOptions;
  readonly #ready = defer();
  readonly #started = defer();
  #times: MonitorTimes = {};
  #failure: StepFailure | undefined;
  #isAbandoned = false;
  #resolveExited: (record: ExitRecord | Promise<ExitRecord>) => void = () => {};
  #isDisconnected = false;
  #hasExited = false;

  constructor(connection: MonitorConnection, options: MonitorOptions) {
    const { hello } = connection;
    const { bootId } = options;
    this.init = { bootId, pid: hello.initPid, startTime: hello.initStartTime };
    this.monitor = { bootId, pid: hello.monitorPid, startTime: hello.monitorStartTime };
    this.#connection = connection;
    this.#options = options;
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    if (hello.state !== "created" && hello.state !== "failed") this.#ready.resolve();
    if (hello.state === "started") this.#started.resolve();
    connection.listen((frame) => this.#receive(frame));
    void connection.closed.then(() => this.#lose());
  }

  get times(): MonitorTimes {
    return this.#times;
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async start(): Promise<void> {
    await this.#ready.promise;
    await this.#connection.demand(FRAME.start, "start the container");
    await this.#started.promise;
  }

  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    const errno = await this.#connection.request(FRAME.abandon).catch(() => 0);
    if (errno !== 0) {
      this.#isAbandoned = false;
      throw new GantryError("conflict", "cannot give up a container that was started");
    }
    await this.exited;
  }

  resize(size: { readonly width: number; readonly height: number }): Promise<void> {
    const cells = Uint16Array.of(Math.min(size.height, 0xffff), Math.min(size.width, 0xffff));
    return this.#connection.demand(FRAME.resize, "resize the terminal", new Uint8Array(cells.buffer));
  }

  async attach(options: {
    readonly stdin: boolean;
    readonly stdout: boolean;
    readonly stderr: boolean;
  }): Promise<Attachment> {
    return openAttachment(await MonitorConnection.open(this.#options.socketPath), options);
  }

  disconnect(): void {
    this.#isDisconnected = true;
    this.#connection.close();
  }

  #receive(frame: Frame): void {
    this.#times = { ...this.#times, ...decodeTimes(frame) };
    switch (frame.type) {
      case FRAME.ready:
        this.#ready.resolve();
        break;
      case FRAME.started:
        this.#ready.resolve();
        this.#started.resolve();
        break;
      case FRAME.failed:
        this.#fail(decodeFailure(frame.bytes));
        break;
      case FRAME.exit:
        this.#exit(frame.bytes);
        break;
      default: // of a newer monitor: skipped, see frames.ts
    }
  }

  #fail(failure: StepFailure): void {
    this.#failure = failure;
    const error = explainFailure(this.#options.plan ?? { steps: [] }, failure);
    this.#ready.reject(error);
    this.#started.reject(error);
  }

  #exit(bytes: Uint8Array): void {
    const { exitCode, signal, oomKilled, finishedAtNs } = decodeExit(bytes);
    this.#hasExited = true;
    this.#settleWith({
      exitCode,
      ...(signal > 0 ? { signal } : {}),
      oomKilled,
      finishedAtNs,
      ...(this.#failure ? { failure: this.#failure } : {}),
    });
    this.#connection.close();
  }

  /** A program that never ran ends with the status of the reason. */
  #settleWith(record: ExitRecord): void {
    if (record.failure !== undefined) {
      const error = explainFailure(this.#options.plan ?? { steps: [] }, record.failure);
      this.#fail(record.failure);
      this.#resolveExited({ ...record, exitCode: error.exitCode ?? record.exitCode });
    } else {
      const gone = new GantryError("conflict", "the container has ended already");
      this.#ready.reject(gone);
      this.#started.reject(gone);
      this.#resolveExited(record);
    }
  }

  #lose(): void {
    if (this.#hasExited || this.#isDisconnected) return;
    this.#hasExited = true;
    if (this.#isAbandoned) {
      this.#settleWith({ exitCode: 137, signal: 9, oomKilled: false, finishedAtNs: 0n });
      return;
    }
    const { init, monitor } = this;
    void this.#options.settle({ init, monitor }).then((record) => this.#settleWith(record));
  }
}
