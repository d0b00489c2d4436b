import { NO_TRACE, type Trace } from "../../trace/trace.ts";
import type { EngineAttachment, EngineCgroup, EngineMonitor } from "../dependencies.ts";
import type { WaitResult } from "../engine.ts";
import type { PendingSession } from "../stdio/stdio-session.ts";
import { Gathering } from "./gathering.ts";

interface RequestedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** What this daemon's memory has of a container; all of it can be found again after a restart, or is of no use then. */
export class LiveContainer {
  /** While it has processes. */
  process: { readonly monitor: EngineMonitor; readonly cgroup: EngineCgroup } | undefined;
  isBeingRemoved = false;
  /** Where its run is noted, if somebody wants to know. */
  trace: Trace = NO_TRACE;
  /** Whose start waits for whom. */
  readonly gathering = new Gathering();
  /** It ran before this daemon: clients of the one before may come back for what it printed. */
  wasTakenUp = false;
  /** It is stopped to be started again: its end does not remove it. */
  isRestarting = false;
  /** What clients are connected to; there from just before the start, so that nobody falls between. */
  #attachable: EngineMonitor | undefined;
  readonly #followers = new Set<object>();
  readonly #sessions = new Map<PendingSession, RequestedStreams>();
  readonly #nextExit = new Set<(result: WaitResult) => void>();
  readonly #removal = new Set<(result: WaitResult) => void>();

  /** Resolves with the next end of its processes; never, once `signal` has fired: then nothing of the asking is kept. */
  nextExit(signal?: AbortSignal): Promise<WaitResult> {
    return waitIn(this.#nextExit, signal);
  }

  /** Resolves when it has been removed, with its last end; never, once `signal` has fired. */
  removal(signal?: AbortSignal): Promise<WaitResult> {
    return waitIn(this.#removal, signal);
  }

  settleExit(result: WaitResult): void {
    const waiting = [...this.#nextExit];
    this.#nextExit.clear();
    for (const resolve of waiting) resolve(result);
  }

  settleRemoval(result: WaitResult): void {
    this.settleExit(result);
    const waiting = [...this.#removal];
    this.#removal.clear();
    for (const resolve of waiting) resolve(result);
  }

  /** Adds a client; it is connected now if there is a process, else by `connect`. */
  async addSession(session: PendingSession, streams: RequestedStreams): Promise<void> {
    this.#sessions.set(session, streams);
    session.ended.then(() => this.#sessions.delete(session));
    if (this.#attachable === undefined) return;
    // A process that has just ended leaves an empty stream, which `bindTo` has made of it.
    await bindTo(this.#attachable, session, streams).catch(() => undefined);
  }

  /** Somebody follows the log, until disposed. */
  follow(): Disposable {
    const follower = {};
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }

  /** True while what it printed may not have reached everybody who wants it. */
  get hasReaders(): boolean {
    return this.wasTakenUp || this.#followers.size > 0 || this.#sessions.size > 0;
  }

  /** Connects all that wait, and from here on whoever comes: between `ready` and `start`, so that they miss nothing. */
  async connect(monitor: EngineMonitor): Promise<void> {
    this.#attachable = monitor;
    await Promise.all([...this.#sessions].map(([session, streams]) => bindTo(monitor, session, streams)));
  }

  /** It has processes: those of this monitor, in this cgroup. */
  hasProcess(monitor: EngineMonitor, cgroup: EngineCgroup): void {
    this.process = { monitor, cgroup };
    this.#attachable = monitor;
  }

  /** It has none any more; who attaches now waits for the next start. */
  hasNoProcess(): void {
    this.process?.monitor.disconnect();
    this.process = undefined;
    this.#attachable = undefined;
  }

  /** Ends the sessions of clients that wait for a process which will not come. */
  dropSessions(): void {
    for (const session of this.#sessions.keys()) session.bind(undefined);
    this.#sessions.clear();
  }

  /**
   * Resolves when every attached client has had the end of the output, so that the end of a stream comes before the answer
   * to a wait; after two seconds at most.
   */
  async outputDelivered(): Promise<void> {
    if (this.#sessions.size === 0) return;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, 2000);
    await Promise.race([Promise.all([...this.#sessions.keys()].map((session) => session.ended)), limit.promise]);
    clearTimeout(timer);
  }
}

function waitIn(waiting: Set<(result: WaitResult) => void>, signal?: AbortSignal): Promise<WaitResult> {
  return new Promise((resolve) => {
    waiting.add(resolve);
    signal?.addEventListener("abort", () => waiting.delete(resolve), { once: true });
  });
}

async function bindTo(monitor: EngineMonitor, session: PendingSession, streams: RequestedStreams): Promise<void> {
  let attachment: EngineAttachment | undefined;
  try {
    attachment = await monitor.attach(streams);
  } finally {
    session.bind(attachment);
  }
}
