import { KeyedLock } from "../platform/keyed-lock.ts";
import type { Container } from "./container/container.ts";
import type { ContainerRecord } from "./container/container-record.ts";
import { ContainerRecords } from "./container/container-records.ts";
import { ExitMemory } from "./container/exit-memory.ts";
import { LiveContainer } from "./container/live-container.ts";
import type { EngineCgroup, EngineEvent } from "./dependencies.ts";
import type { EngineOptions } from "./engine-options.ts";
import { EnginePaths } from "./engine-paths.ts";
import type { LiveExec } from "./exec/live-exec.ts";

/** What the operations of one engine share. */
export class EngineContext {
  readonly parts: EngineOptions;
  readonly paths: EnginePaths;
  readonly records: ContainerRecords;
  readonly exits: ExitMemory;
  /** One operation at a time on a container; nothing that waits for a container's end may hold it. */
  readonly locks = new KeyedLock();
  readonly execs = new Map<string, LiveExec>();
  /** Names promised to containers that are being created. */
  readonly reservedNames = new Map<string, string>();
  isClosed = false;
  readonly #live = new Map<string, LiveContainer>();
  readonly #warned = new Set<string>();

  constructor(parts: EngineOptions) {
    this.parts = parts;
    this.paths = new EnginePaths(parts);
    this.records = new ContainerRecords(parts.database);
    this.exits = new ExitMemory(parts.database, () => parts.clock.nowNs());
  }

  /** A container's control groups: where its configuration has them, or the daemon's own place for one that is gone. */
  cgroup(id: string): EngineCgroup {
    return this.parts.cgroups.open(id, this.records.get(id)?.config.resources?.cgroupParent);
  }

  live(id: string): LiveContainer {
    let live = this.#live.get(id);
    if (live === undefined) {
      live = new LiveContainer();
      this.#live.set(id, live);
    }
    return live;
  }

  forget(id: string): void {
    this.#live.delete(id);
    for (const [execId, exec] of this.execs) if (exec.containerId === id) this.execs.delete(execId);
  }

  /** Lets go of all monitors; what they watch goes on. */
  disconnectAll(): void {
    for (const live of this.#live.values()) {
      live.dropSessions();
      live.process?.monitor.disconnect();
    }
    for (const exec of this.execs.values()) exec.monitor?.disconnect();
  }

  /** An event about a container, with the attributes that Docker gives each: labels, image, name. */
  event(record: ContainerRecord, action: string, attributes: Readonly<Record<string, string>> = {}): EngineEvent {
    return {
      type: "container",
      action,
      actorId: record.id,
      attributes: { ...record.effective.labels, image: record.config.image, name: record.name, ...attributes },
      timeNs: this.parts.clock.nowNs(),
    };
  }

  /** What others see of a record. */
  containerOf(record: ContainerRecord): Container {
    const { snapshot: _snapshot, anonymousVolumes: _volumes, run: _run, createdInBoot: _boot, ...visible } = record;
    const execIds = [...this.execs.values()]
      .filter((exec) => exec.containerId === record.id && exec.isRunning)
      .map((exec) => exec.id);
    return { ...visible, paths: this.paths.files(record.id), execIds };
  }

  /** Says a sentence once in this daemon's life. */
  warnOnce(sentence: string): void {
    if (this.#warned.has(sentence)) return;
    this.#warned.add(sentence);
    this.parts.warn(sentence);
  }

  /** For what may fail without the operation failing. */
  warnOf(what: string): (error: unknown) => void {
    return (error) => this.parts.warn(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
