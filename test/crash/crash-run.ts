import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ApiError } from "../../src/api/api-error.ts";
import type { ContainerInspect } from "../../src/api/container.ts";
import type { EngineApi } from "../../src/api/engine-api.ts";
import { isGantryError } from "../../src/errors/gantry-error.ts";
import { readBootId } from "../../src/platform/process-identity.ts";
import { Database } from "../../src/platform/sqlite.ts";
import { run } from "../support/command.ts";
import { type TestDaemon, until } from "../support/daemon.ts";
import { monitorOf, mountsBelow, takeCensus } from "./host-census.ts";
import type { SeededRandom } from "./seeded-random.ts";
import {
  allowedPhases,
  COMMANDS,
  type Kind,
  LINES,
  type Phase,
  STATUS,
  type TrackedContainer,
} from "./tracked-container.ts";

/** What led to a failure may lie many kills back. */
const JOURNAL_LINES = 300;
const KILLED = 137;
const LOST_WITH_THE_HOST = 255;
const CONTAINERS_AT_MOST = 6;
const TAG = "tagged:1";

export interface CrashRunParts {
  readonly daemon: TestDaemon;
  readonly random: SeededRandom;
  /** Names of images in a registry; they share layers. */
  readonly pullable: readonly string[];
  /** An archive, and the name that it gives. */
  readonly archive: { readonly bytes: Uint8Array; readonly name: string };
}

/** Asks a daemon for things, kills it meanwhile, starts it again, and compares what is there with what was acknowledged. */
export class CrashRun {
  readonly #parts: CrashRunParts;
  readonly #api: EngineApi;
  readonly #containers = new Map<string, TrackedContainer>();
  /** Images that may come and go: true when they are there, undefined when nobody was told. */
  readonly #images = new Map<string, boolean | undefined>();
  readonly #busy = new Set<string>();
  readonly #everSeen = new Set<string>();
  readonly #execs = new Set<string>();
  /** What was done, newest last: told when something is wrong. */
  readonly journal: string[] = [];
  /** What was broken off by a kill, and how often. */
  readonly broken = new Map<string, number>();
  #made = 0;

  constructor(parts: CrashRunParts) {
    this.#parts = parts;
    this.#api = parts.daemon.api();
    for (const name of [...parts.pullable, parts.archive.name, TAG]) this.#images.set(name, false);
  }

  /** One kill, and what comes before and after it. */
  async round(): Promise<void> {
    const { random, daemon } = this.#parts;
    const count = 1 + random.below(4);
    const work = Array.from({ length: count }, () => this.#ask(random.below(40)));
    const isCalm = random.chance(0.2);
    await (isCalm ? Promise.all(work) : pause(random.chance(0.6) ? random.below(50) : random.below(400)));
    const victim = this.#running().at(-1);
    if (victim !== undefined && random.chance(0.15)) this.#killMonitor(victim);
    this.#note("kill -9 the daemon");
    await daemon.down("SIGKILL");
    await Promise.all(work);
    for (const line of daemon.log.split("\n"))
      if (line !== "" && !line.includes("ready at")) this.#note(`  it said: ${line}`);
    if (victim !== undefined && random.chance(0.1)) this.#killMonitor(victim);
    if (random.chance(0.2)) this.#killExec();
    if (random.chance(0.08)) await this.#boot();
    await daemon.up();
    await this.#check();
  }

  /** Removes everything; then nothing is to be there. */
  async end(): Promise<void> {
    for (const container of [...this.#containers.values()]) await this.#remove(container);
    for (const [name, isThere] of this.#images)
      if (isThere !== false) await this.#api.removeImage(name).catch(() => []);
    await this.#countAll();
  }

  #note(what: string): void {
    this.journal.push(what);
    if (this.journal.length > JOURNAL_LINES) this.journal.shift();
  }

  #running(): readonly TrackedContainer[] {
    return [...this.#containers.values()].filter(({ phase }) => phase === "running");
  }

  // ---- what is asked of the daemon

  /** One wish, if there is something to wish for. What breaks off with the daemon stays pending. */
  async #ask(delayMs: number): Promise<void> {
    const { random } = this.#parts;
    const wish = this.#choose(random.next());
    if (wish === undefined) return;
    this.#busy.add(wish.subject);
    try {
      await pause(delayMs);
      this.#note(`${wish.what} ${wish.subject}`);
      await wish.perform();
      this.#note(`  done: ${wish.what} ${wish.subject}`);
    } catch (error) {
      if (error instanceof ApiError || !isGantryError(error)) throw error;
      this.#note(`  broken off: ${wish.what} ${wish.subject}`);
      const kind = wish.what.replace(/ \(.*/, "");
      this.broken.set(kind, (this.broken.get(kind) ?? 0) + 1);
    } finally {
      this.#busy.delete(wish.subject);
    }
  }

  #choose(dice: number): Wish | undefined {
    const { random } = this.#parts;
    const idle = [...this.#containers.values()].filter(({ name }) => !this.#busy.has(name));
    const one = (phase: Phase): TrackedContainer | undefined => {
      const fitting = idle.filter((container) => container.phase === phase);
      return fitting.length === 0 ? undefined : random.pick(fitting);
    };
    const wish = (
      what: string,
      subject: TrackedContainer | undefined,
      perform: (c: TrackedContainer) => Promise<void>,
    ) => (subject === undefined ? undefined : { what, subject: subject.name, perform: () => perform(subject) });
    if (dice < 0.2) return this.#imageWish();
    const isFull = this.#containers.size >= CONTAINERS_AT_MOST;
    if (isFull || dice < 0.4) {
      const doomed = idle.length === 0 ? undefined : random.pick(idle);
      if (isFull || random.chance(0.5)) return wish("remove", doomed, (container) => this.#remove(container));
    }
    if (dice < 0.6) return wish("start", one("created"), (container) => this.#start(container)) ?? this.#creation();
    if (dice < 0.75) return wish("exec in", one("running"), (container) => this.#exec(container)) ?? this.#creation();
    if (dice < 0.85) return wish("kill", one("running"), (container) => this.#kill(container)) ?? this.#creation();
    return this.#creation();
  }

  #imageWish(): Wish | undefined {
    const { random, archive } = this.#parts;
    const names = [...this.#images.keys()].filter((name) => !this.#busy.has(name));
    if (names.length === 0) return undefined;
    const name = random.pick(names);
    const isThere = this.#images.get(name) === true;
    const what = isThere ? "remove image" : name === archive.name ? "load" : name === TAG ? "tag" : "pull";
    const perform = async (): Promise<void> => {
      this.#images.set(name, undefined);
      if (isThere) await this.#api.removeImage(name);
      else if (name === TAG) await this.#api.tagImage("busybox", { repo: "tagged", tag: "1" });
      else if (name === archive.name) await drain(await this.#api.loadImages(once(archive.bytes)));
      else await drain(await this.#api.pullImage({ fromImage: name }));
      this.#images.set(name, !isThere);
    };
    return { what, subject: name, perform };
  }

  /** Most new containers are started at once, as by `run`. */
  #creation(): Wish {
    const { random } = this.#parts;
    const container: TrackedContainer = {
      // Not of hexadecimal digits: a name that is not there would be taken for the beginning of an id.
      name: `box${++this.#made}`,
      kind: random.pick<Kind>(["counts", "ends", "ends", "idles"]),
      isRemovedAtEnd: random.chance(0.3),
      hasNetwork: random.chance(0.7),
      hasPort: random.chance(0.5),
      hasVolume: random.chance(0.3),
      sharesMemory: random.chance(0.3),
      id: undefined,
      phase: "absent",
      pending: "create",
      run: undefined,
      statuses: new Set(),
      isLost: false,
      starts: 0,
      lines: 0,
    };
    this.#containers.set(container.name, container);
    const isStarted = random.chance(0.7);
    return {
      what: isStarted ? `run (${container.kind}${container.isRemovedAtEnd ? ", --rm" : ""})` : "create",
      subject: container.name,
      perform: async () => {
        await this.#create(container);
        if (isStarted) await this.#start(container);
      },
    };
  }

  async #create(container: TrackedContainer): Promise<void> {
    const { Id } = await this.#api.createContainer(
      {
        Image: "busybox",
        Cmd: ["sh", "-c", COMMANDS[container.kind]],
        ...(container.hasVolume ? { Volumes: { "/data": {} } } : {}),
        HostConfig: {
          AutoRemove: container.isRemovedAtEnd,
          NetworkMode: container.hasNetwork ? "bridge" : "none",
          ...(container.hasNetwork && container.hasPort ? { PortBindings: { "80/tcp": [{ HostPort: "" }] } } : {}),
          ...(container.sharesMemory ? { IpcMode: "shareable" } : {}),
        },
      },
      { name: container.name },
    );
    this.#everSeen.add(Id);
    Object.assign(container, { id: Id, phase: "created", pending: undefined });
  }

  async #start(container: TrackedContainer): Promise<void> {
    container.pending = "start";
    container.starts++;
    if (container.kind === "ends") container.statuses.add(STATUS);
    await this.#api.startContainer(container.name);
    Object.assign(container, { phase: "running", pending: undefined });
  }

  async #exec(container: TrackedContainer): Promise<void> {
    const script = "echo begun; usleep 20000; echo done";
    try {
      const { Id } = await this.#api.createExec(container.name, {
        Cmd: ["sh", "-c", script],
        AttachStdout: true,
        AttachStderr: true,
      });
      this.#everSeen.add(Id);
      this.#execs.add(Id);
      const { output } = await this.#api.startExec(Id);
      let text = "";
      for await (const { bytes } of output) text += Buffer.from(bytes);
      if ("begun\ndone\n".startsWith(text)) return;
      throw new Error(`an exec in ${container.name} printed ${JSON.stringify(text)}`);
    } catch (error) {
      // It may just have ended, or be killed.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  async #kill(container: TrackedContainer): Promise<void> {
    container.pending = "kill";
    container.statuses.add(KILLED);
    try {
      await this.#api.killContainer(container.name);
    } catch (error) {
      // It ended by itself.
      if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404)) throw error;
    }
    container.pending = undefined;
  }

  async #remove(container: TrackedContainer): Promise<void> {
    container.pending = "remove";
    if (container.phase !== "created") container.statuses.add(KILLED);
    try {
      await this.#api.removeContainer(container.name, { force: true, volumes: true });
    } catch (error) {
      // It removed itself, or is just doing so.
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 409)) throw error;
      if (error.status === 409) return;
    }
    this.#containers.delete(container.name);
  }

  #killMonitor(container: TrackedContainer): void {
    const pid = container.id === undefined ? undefined : monitorOf(container.id);
    if (pid === undefined) return;
    this.#note(`kill -9 the monitor of ${container.name}`);
    container.statuses.add(KILLED);
    container.isLost = true;
    process.kill(pid, "SIGKILL");
  }

  /** An exec that just runs loses its monitor. */
  #killExec(): void {
    const pid = [...this.#execs].map(monitorOf).find((found) => found !== undefined);
    if (pid === undefined) return;
    this.#note("kill -9 the monitor of an exec");
    process.kill(pid, "SIGKILL");
  }

  /** The machine goes down and comes up: no process of ours, an empty state folder, another boot id in what is recorded. */
  async #boot(): Promise<void> {
    this.#note("the machine boots");
    const { root, state } = this.#parts.daemon;
    for (const id of this.#everSeen) {
      const pid = monitorOf(id);
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    }
    for (const container of this.#containers.values()) {
      if (container.phase === "running" || container.pending === "start") container.statuses.add(LOST_WITH_THE_HOST);
    }
    await until("no monitor is left", () => [...this.#everSeen].every((id) => monitorOf(id) === undefined));
    for (const path of mountsBelow(state)) await run(["umount", "-l", path]);
    rmSync(state, { recursive: true, force: true });
    using database = new Database(join(root, "state.db"));
    database.run("UPDATE engine_containers SET record = replace(record, ?, ?)", [readBootId(), "an-earlier-boot"]);
    for (const container of this.#containers.values()) {
      // What removes itself and was never started has nobody any more who would.
      if (container.isRemovedAtEnd && container.phase === "created") container.pending = "remove";
      if (container.isRemovedAtEnd && container.pending === "create") container.pending = undefined;
    }
  }

  // ---- what is compared

  async #check(): Promise<void> {
    for (const container of [...this.#containers.values()]) await this.#checkContainer(container);
    for (const [name, known] of this.#images) {
      const isThere = await exists(() => this.#api.inspectImage(name));
      if (known !== undefined && known !== isThere)
        throw new Error(`image ${name} is ${isThere ? "there" : "gone"}, which nobody asked for`);
      this.#images.set(name, isThere);
    }
    const names = (await this.#api.listContainers({ all: true })).map(({ Names }) => Names[0]?.slice(1) ?? "");
    const unknown = names.filter((name) => !this.#containers.has(name));
    if (unknown.length > 0) throw new Error(`containers that nobody asked for: ${unknown.join(", ")}`);
    await this.#countAll();
  }

  async #checkContainer(container: TrackedContainer): Promise<void> {
    const found = await this.#inspect(container);
    const phase = found === undefined ? "absent" : phaseOf(found);
    if (!allowedPhases(container).has(phase))
      throw new Error(`${container.name} is ${phase}; it was ${container.phase}, asked for: ${container.pending}`);
    if (found === undefined) {
      if (container.isRemovedAtEnd && container.phase === "running" && container.pending !== "remove")
        await this.#checkForgotten(container);
      this.#containers.delete(container.name);
      return;
    }
    const { State: state } = found;
    if (phase === "running" && container.run !== undefined) {
      const { pid, startedAt } = container.run;
      if (state.Pid !== pid || state.StartedAt !== startedAt) throw new Error(`${container.name} was restarted`);
    }
    if (phase === "ended" && !container.statuses.has(state.ExitCode))
      throw new Error(`${container.name} ended with ${state.ExitCode}, not ${[...container.statuses]}`);
    if (phase === "ended" && state.Error !== "" && !(container.isLost && state.Error.startsWith("monitor lost")))
      throw new Error(`${container.name} says: ${state.Error}`);
    this.#everSeen.add(found.Id);
    await this.#checkLog(container, phase === "ended" && state.ExitCode === STATUS);
    Object.assign(container, { id: found.Id, phase, pending: undefined });
    container.run = phase === "running" ? { pid: state.Pid, startedAt: state.StartedAt } : undefined;
  }

  /** Removed by itself: its end is still known. */
  async #checkForgotten({ id = "", name, statuses }: TrackedContainer): Promise<void> {
    const { StatusCode } = await (await this.#api.waitContainer(id)).result;
    if (!statuses.has(StatusCode)) throw new Error(`${name} ended with ${StatusCode}, not ${[...statuses]}`);
  }

  /** Every line of each run once, in order. */
  async #checkLog(container: TrackedContainer, isWhole: boolean): Promise<void> {
    if (container.kind === "idles") return;
    let text = "";
    const options = { stdout: true, stderr: true };
    for await (const { bytes } of await this.#api.containerLogs(container.name, options)) text += Buffer.from(bytes);
    const lines = text.split("\n").slice(0, -1);
    let runs = 0;
    let ofRun = 0;
    for (const [number, line] of lines.entries()) {
      if (line === "0" && runs < container.starts) {
        runs++;
        ofRun = 0;
      }
      if (line !== String(ofRun++))
        throw new Error(`line ${number} of the log of ${container.name} is ${JSON.stringify(line)}`);
    }
    if (lines.length < container.lines) throw new Error(`the log of ${container.name} has lost lines`);
    if (isWhole && ofRun !== LINES) throw new Error(`the last run in the log of ${container.name} has ${ofRun} lines`);
    container.lines = lines.length;
  }

  async #inspect({ name }: TrackedContainer): Promise<ContainerInspect | undefined> {
    try {
      return await this.#api.inspectContainer(name);
    } catch (error) {
      if (isGantryError(error, "not-found")) return undefined;
      throw error;
    }
  }

  async #countAll(): Promise<void> {
    const found = await takeCensus(this.#parts.daemon, this.#everSeen);
    if (found.length > 0) throw new Error(found.join("\n"));
  }
}

interface Wish {
  readonly what: string;
  /** Nothing else is wished of it at the same time. */
  readonly subject: string;
  perform(): Promise<void>;
}

function phaseOf({ State: { Status: status } }: ContainerInspect): Phase {
  if (status === "running" || status === "created") return status;
  if (status === "exited") return "ended";
  throw new Error(`a container is ${status}`);
}

async function exists(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    if (isGantryError(error, "not-found")) return false;
    throw error;
  }
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _message of messages);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
