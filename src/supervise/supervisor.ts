import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { Readable } from "node:stream";
import { GantryError } from "../errors/gantry-error.ts";
import { encodePlan } from "../runtime/plan/encode-plan.ts";
import { explainFailure } from "../runtime/plan/explain-failure.ts";
import type { Plan } from "../runtime/plan/steps.ts";
import { type ExitRecord, readExitRecord } from "./exit-record.ts";
import { decodeFailure, decodeHello, FRAME, type Frame, FrameDecoder, type Hello } from "./frames.ts";
import { HelperBinary, type HelperSource, memoryFile } from "./helper-binary.ts";
import { logNumbers } from "./log-files.ts";
import { ConnectedMonitor, type Monitor } from "./monitor.ts";
import { MonitorConnection } from "./monitor-connection.ts";
import { isAlive, type ProcessIdentity, parseStartTime, sendSignal } from "./process-identity.ts";
import { settleExit } from "./settle-exit.ts";

export interface LaunchOptions {
  /** For messages and the process title. */
  readonly id: string;
  /** In --state; under 108 bytes. */
  readonly socketPath: string;
  /** Of the exit record, under --root. */
  readonly exitPath: string;
  readonly log?: { readonly directory: string; readonly maxSizeBytes: number; readonly maxFiles: number };
  readonly tty: boolean;
  readonly consoleSize?: { readonly width: number; readonly height: number };
  /** Keep a pipe to stdin; otherwise /dev/null. */
  readonly openStdin: boolean;
  /** Close stdin when the first client that attached to it detaches. */
  readonly stdinOnce: boolean;
  readonly plan: Plan;
}

export type SupervisorOptions = HelperSource & {
  readonly bootId: string;
  /** Where the helper becomes a file, when the host forbids executable memfds. */
  readonly fallbackDirectory?: string;
  /** Wall clock, for the record of a container whose monitor was killed. */
  readonly nowNs: () => bigint;
};

const SIGKILL = 9;
/** About five seconds in all: a monitor that ends is between two states for a moment. */
const RECOVER_ATTEMPTS = 30;

/** Starts monitors, and finds them again. */
export class Supervisor {
  readonly #bootId: string;
  readonly #helper: HelperBinary;
  readonly #nowNs: () => bigint;

  constructor(options: SupervisorOptions) {
    this.#bootId = options.bootId;
    this.#nowNs = options.nowNs;
    this.#helper = HelperBinary.open(options, options.fallbackDirectory);
  }

  /** The helper's executable, for its other roles (relay). Valid while this is open. */
  get helperPath(): string {
    return this.#helper.path;
  }

  /** Forgets the helper; monitors live on. */
  close(): void {
    this.#helper.close();
  }

  /** Starts a monitor and its init. Resolves when init and its namespaces exist, so that the network can be set up while the root is assembled. */
  async launch(options: LaunchOptions): Promise<Monitor> {
    const { plan, socketPath, exitPath } = options;
    rmSync(exitPath, { force: true });
    rmSync(socketPath, { force: true });
    const request = memoryFile("gantry-plan", encodePlan({ steps: [...plan.steps, superviseStep(options)] }));
    let first: Frame | undefined;
    try {
      const child = this.#spawn(["monitor", options.id], request);
      first = await readFirstFrame(child);
    } finally {
      closeSync(request);
    }
    if (first?.type === FRAME.failed) throw explainFailure(plan, decodeFailure(first.bytes));
    if (first === undefined) throw new GantryError("internal", `the monitor of ${options.id} ended at once`);
    return this.#connect(options, decodeHello(first.bytes));
  }

  /** A monitor that we cannot talk to must not stay behind with an init that nobody will ever start. */
  async #connect(options: LaunchOptions, hello: Hello): Promise<Monitor> {
    const { socketPath, exitPath, plan } = options;
    try {
      return await this.#open(socketPath, exitPath, plan);
    } catch (error) {
      const bootId = this.#bootId;
      sendSignal({ bootId, pid: hello.monitorPid, startTime: hello.monitorStartTime }, SIGKILL, bootId);
      const record = readExitRecord(exitPath);
      if (record?.failure !== undefined) throw explainFailure(plan, record.failure);
      throw error;
    }
  }

  async #open(socketPath: string, exitPath: string, plan?: Plan): Promise<Monitor> {
    const connection = await MonitorConnection.open(socketPath);
    return new ConnectedMonitor(connection, {
      socketPath,
      bootId: this.#bootId,
      ...(plan === undefined ? {} : { plan }),
      settle: (identities) =>
        settleExit({ socketPath, exitPath, bootId: this.#bootId, nowNs: this.#nowNs, ...identities }),
    });
  }

  /**
   * After a restart of the daemon: connects to a monitor that is still there; else reads the exit record; else (monitor
   * lost) kills init if its identity still matches and records 137. What else runs in the cgroup is the caller's to kill.
   *
   * @throws `unavailable` when the monitor lives but does not answer; the container is left alone.
   */
  async recover(options: {
    readonly socketPath: string;
    readonly exitPath: string;
    readonly init?: ProcessIdentity;
    readonly monitor?: ProcessIdentity;
  }): Promise<Monitor | ExitRecord> {
    const { socketPath, exitPath, monitor } = options;
    const bootId = this.#bootId;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#open(socketPath, exitPath);
      } catch (error) {
        if (monitor === undefined || !isAlive(monitor, bootId))
          return settleExit({ ...options, bootId, nowNs: this.#nowNs });
        if (attempt === RECOVER_ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, attempt * 10));
      }
    }
  }

  /** True if a monitor listens at a socket. */
  async listens(socketPath: string): Promise<boolean> {
    try {
      (await MonitorConnection.open(socketPath)).close();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Starts a relay (native/relay.c) that outlives this process: holds published ports and forwards what reaches them.
   *
   * @param args after `relay`: `--id ID (tcp|udp) LISTEN-ADDRESS PORT TARGET-ADDRESS PORT …`
   * @throws `conflict` when an address is taken.
   */
  async startRelay(args: readonly string[]): Promise<ProcessIdentity> {
    const child = this.#spawn(["relay", ...args]);
    const line = await readLine(child);
    const [word, errno, ...text] = line.split(" ");
    if (word === "listening" && child.pid !== undefined)
      return { bootId: this.#bootId, pid: child.pid, startTime: startTimeOf(child.pid) };
    const message = text.join(" ") || "the relay ended at once";
    throw new GantryError(Number(errno) === 98 ? "conflict" : "unavailable", message);
  }

  #spawn(args: readonly string[], request?: number): ChildProcess {
    const child = spawn(this.#helper.path, args, {
      argv0: "gantry-helper",
      cwd: "/",
      env: {},
      detached: true,
      stdio: ["ignore", "pipe", "ignore", ...(request === undefined ? [] : [request])],
    });
    child.unref();
    return child;
  }
}

function startTimeOf(pid: number): number {
  return parseStartTime(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? 0;
}

function superviseStep(options: LaunchOptions): Plan["steps"][number] {
  const { log, consoleSize } = options;
  if (Buffer.byteLength(options.socketPath) >= 108)
    throw new GantryError("invalid-argument", `the path of the monitor's socket is too long: ${options.socketPath}`, {
      hint: "choose a shorter --state folder",
    });
  if (log !== undefined) mkdirSync(log.directory, { recursive: true, mode: 0o710 });
  const numbers = log === undefined ? [] : logNumbers(readdirSync(log.directory));
  return {
    op: "supervise",
    terminal: options.tty ? 1 : 0,
    openStdin: options.openStdin ? 1 : 0,
    stdinOnce: options.stdinOnce ? 1 : 0,
    rows: consoleSize?.height ?? 0,
    columns: consoleSize?.width ?? 0,
    logMaxSize: log?.maxSizeBytes ?? 0,
    logMaxFiles: log?.maxFiles ?? 0,
    logNumber: numbers.at(-1) ?? 1,
    id: options.id,
    socketPath: options.socketPath,
    exitPath: options.exitPath,
    logDirectory: log?.directory ?? "",
    cause: "monitor",
    task: "supervise the container",
  };
}

/** The first frame on the child's stdout, undefined when it ends before one. */
async function readFirstFrame(child: ChildProcess): Promise<Frame | undefined> {
  const decoder = new FrameDecoder();
  for await (const chunk of outputOf(child)) {
    const [frame] = decoder.push(chunk);
    if (frame !== undefined) return frame;
  }
  return undefined;
}

async function readLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of outputOf(child)) {
    text += Buffer.from(chunk).toString("utf8");
    if (text.includes("\n") || text.length > 4096) break;
  }
  return text.split("\n")[0] ?? "";
}

async function* outputOf(child: ChildProcess): AsyncGenerator<Uint8Array> {
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (cause) => reject(new GantryError("internal", "cannot execute the native helper", { cause })));
  });
  failed.catch(() => {});
  if (child.stdout === null) return;
  const chunks = (child.stdout as Readable)[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await Promise.race([chunks.next(), failed]);
    if (done) return;
    yield value as Uint8Array;
  }
}
