import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { API_VERSION, MINIMUM_API_VERSION } from "../../src/api/api-version.ts";
import type { EngineApi } from "../../src/api/engine-api.ts";
import { connectEngine } from "../../src/client/engine-client.ts";
import { dockerRoutes } from "../../src/doors/docker/docker-routes.ts";
import type { DoorEvent, DoorInfo, DoorParts } from "../../src/doors/docker/door-parts.ts";
import { serveDocker } from "../../src/doors/docker/serve-docker.ts";
import type { Container, ContainerId } from "../../src/engine/container/container.ts";
import type { ContainerConfig } from "../../src/engine/container/container-config.ts";
import type { Engine, Exec, ExecConfig, OutputChunk, StdioSession } from "../../src/engine/engine.ts";
import { GantryError } from "../../src/errors/gantry-error.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { TraceStore } from "../../src/trace/trace-store.ts";

/** A session that a test feeds and looks into. */
export class SessionDouble implements StdioSession {
  readonly typed: string[] = [];
  isStdinClosed = false;
  isClosed = false;
  #chunks: OutputChunk[] = [];
  #wake: (() => void) | undefined;
  #hasEnded = false;
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  onTyped: (text: string) => void = () => {};
  onStdinClosed: () => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  print(stream: OutputChunk["stream"], text: string | Uint8Array): void {
    this.#chunks.push({ stream, bytes: typeof text === "string" ? Buffer.from(text) : text });
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  /** Chunks that nobody has taken yet. */
  get waiting(): number {
    return this.#chunks.length;
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<OutputChunk, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#hasEnded) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const text = Buffer.from(bytes).toString();
    this.typed.push(text);
    this.onTyped(text);
  }

  async closeStdin(): Promise<void> {
    this.isStdinClosed = true;
    this.onStdinClosed();
  }

  close(): void {
    this.isClosed = true;
    this.end();
    this.#resolveClosed();
  }
}

export const CONTAINER_ID = "4a".repeat(32) as ContainerId;
export const IMAGE_ID = `sha256:${"1b".repeat(32)}` as Digest;
/** 2026-01-02T03:04:05.000000006Z */
export const CREATED_NS = 1_767_323_045_000_000_006n;

/** A container as the engine tells of it. */
export function containerDouble(changes: Partial<Container> = {}): Container {
  const config: ContainerConfig = changes.config ?? { image: "busybox" };
  return {
    id: CONTAINER_ID,
    name: "web",
    config,
    image: { id: IMAGE_ID, manifestDigest: `sha256:${"2c".repeat(32)}` as Digest, platform: "linux/amd64" },
    args: ["/bin/sh", "-c", "echo hello"],
    effective: {
      env: ["PATH=/bin"],
      entrypoint: [],
      command: ["/bin/sh", "-c", "echo hello"],
      workingDirectory: "",
      user: "",
      hostname: CONTAINER_ID.slice(0, 12),
      labels: {},
      stopSignal: "",
      exposedPorts: [],
      volumes: [],
    },
    createdAtNs: CREATED_NS,
    state: { status: "created", pid: 0, exitCode: 0, oomKilled: false, error: "" },
    mounts: [],
    network: { mode: "bridge" },
    paths: {
      directory: "/root/containers/4a",
      log: "/root/containers/4a/log",
      hosts: "/root/containers/4a/hosts",
      hostname: "/root/containers/4a/hostname",
      resolvConf: "/root/containers/4a/resolv.conf",
    },
    execIds: [],
    warnings: [],
    ...changes,
  };
}

/** The engine's interface with one container in it; methods that a test does not replace say so. */
export function engineDouble(changes: Partial<Engine> = {}, container: Container = containerDouble()): Engine {
  const find = (name: string): Container => {
    if (name === container.name || container.id.startsWith(name)) return container;
    throw new GantryError("not-found", `No such container: ${name}`);
  };
  const unexpected = (method: string) => (): never => {
    throw new Error(`the test did not expect ${method}`);
  };
  const execs = new Map<string, Exec>();
  return {
    create: async (config) => ({ id: CONTAINER_ID, warnings: config.image === "warn" ? ["one warning"] : [] }),
    start: async (name) => (find(name).state.status === "running" ? "already-started" : "started"),
    joinGathering: (name) => void find(name),
    stop: async (name) => (find(name).state.status === "running" ? "stopped" : "already-stopped"),
    restart: async (name) => void find(name),
    kill: async (name) => void find(name),
    pause: async (name) => void find(name),
    unpause: async (name) => void find(name),
    rename: async (name) => void find(name),
    update: async (name, change) => ({ warnings: find(name) && change.pidsLimit === 7 ? ["one warning"] : [] }),
    remove: async (name) => void find(name),
    inspect: find,
    list: () => [container],
    size: async () => ({ writtenBytes: 5, totalBytes: 105 }),
    wait: unexpected("wait"),
    attach: unexpected("attach"),
    resize: async (name) => void find(name),
    logs: unexpected("logs"),
    logPosition: unexpected("logPosition"),
    top: async () => ({ titles: ["PID", "CMD"], rows: [["1", "sh"]] }),
    stats: unexpected("stats"),
    async createExec(name: string, config: ExecConfig) {
      const exec: Exec = { id: "e1".repeat(32), containerId: find(name).id, config, running: false, pid: 0 };
      execs.set(exec.id, exec);
      return exec;
    },
    startExec: unexpected("startExec"),
    resizeExec: async () => {},
    inspectExec(id) {
      const exec = execs.get(id);
      if (exec === undefined) throw new GantryError("not-found", `No such exec instance: ${id}`);
      return exec;
    },
    recover: async () => {},
    close: async () => {},
    ...changes,
  };
}

/** Facts of a host that is none. */
const INFO: DoorInfo = {
  ID: "id",
  Driver: "overlay2",
  DriverStatus: [],
  DockerRootDir: "/var/lib/gantry",
  Plugins: { Volume: ["local"], Network: ["bridge", "host", "null"], Authorization: null, Log: ["json-file"] },
  MemoryLimit: true,
  SwapLimit: true,
  CpuCfsPeriod: true,
  CpuCfsQuota: true,
  CPUShares: true,
  CPUSet: true,
  PidsLimit: true,
  IPv4Forwarding: true,
  Debug: false,
  NFd: 0,
  OomKillDisable: false,
  NGoroutines: 0,
  LoggingDriver: "json-file",
  CgroupDriver: "cgroupfs",
  CgroupVersion: "1",
  NEventsListener: 0,
  KernelVersion: "6.1",
  OperatingSystem: "Test Linux",
  OSVersion: "1",
  OSType: "linux",
  Architecture: "x86_64",
  IndexServerAddress: "https://index.docker.io/v1/",
  RegistryConfig: { InsecureRegistryCIDRs: ["127.0.0.0/8"], IndexConfigs: {}, Mirrors: [] },
  NCPU: 2,
  MemTotal: 1024,
  GenericResources: null,
  HttpProxy: "",
  HttpsProxy: "",
  NoProxy: "",
  Name: "host",
  Labels: [],
  ExperimentalBuild: false,
  ServerVersion: "0.1.0",
  Runtimes: { gantry: { path: "gantry" } },
  DefaultRuntime: "gantry",
  Swarm: {
    NodeID: "",
    NodeAddr: "",
    LocalNodeState: "inactive",
    ControlAvailable: false,
    Error: "",
    RemoteManagers: null,
  },
  LiveRestoreEnabled: true,
  Isolation: "",
  InitBinary: "gantry",
  ContainerdCommit: { ID: "" },
  RuncCommit: { ID: "" },
  InitCommit: { ID: "" },
  SecurityOptions: ["name=seccomp,profile=builtin"],
  CDISpecDirs: null,
  Warnings: null,
};

/** Everything behind the door, in memory. */
export function doorParts(changes: Partial<DoorParts> = {}): DoorParts {
  const none = (kind: string, name: string): never => {
    throw new GantryError("not-found", `No such ${kind}: ${name}`);
  };
  return {
    engine: engineDouble(),
    images: {
      inspect: (name) => none("image", name),
      list: () => [],
      history: (name) => none("image", name),
      tag: () => {},
      remove: async (name) => none("image", name),
      pull: async (name) => none("image", name),
      push: async (name) => none("image", name),
      load: async () => [],
      save: ([name = ""]) => none("image", name),
      fromHost: async ({ name }) => ({ id: IMAGE_ID, names: name === undefined ? [] : [name] }),
    },
    events: { subscribe: () => eventsOf([]) },
    networks: { list: () => [], inspect: (name) => none("network", name) },
    registry: {
      serve: async ({ Listen = "127.0.0.1:5000" }) => ({ address: Listen, [Symbol.asyncDispose]: async () => {} }),
      upkeep: async ({ Task }, { tell }) => {
        tell({ kind: "line", line: `asked for ${Task}` });
        tell({ kind: "retained", tags: 0, manifests: 0, grace: "1h" });
      },
    },
    registries: {
      logIn: async () => ({}),
      search: async () => [],
      describe: async (name) => none("image", name),
    },
    volumes: {
      list: () => [],
      inspect: (name) => none("volume", name),
      create: ({ name = "anonymous", labels = {} }) => ({
        volume: { name, labels, mountpoint: `/v/${name}`, createdAtNs: CREATED_NS, isAnonymous: false },
      }),
      remove: async () => {},
    },
    traces: new TraceStore(() => 0),
    version: () => ({
      Platform: { Name: "Gantry" },
      Components: [],
      Version: "0.1.0",
      ApiVersion: API_VERSION,
      MinAPIVersion: MINIMUM_API_VERSION,
      GitCommit: "",
      GoVersion: "",
      Os: "linux",
      Arch: "amd64",
      KernelVersion: "6.1",
      BuildTime: "",
    }),
    info: () => INFO,
    now: () => Number(CREATED_NS / 1_000_000n) + 5000,
    ...changes,
  };
}

export async function* eventsOf(events: readonly DoorEvent[]): AsyncGenerator<DoorEvent, void, undefined> {
  yield* events;
}

export interface ServedDoor extends AsyncDisposable {
  readonly socketPath: string;
  readonly api: EngineApi;
  readonly warnings: readonly string[];
}

/** The door on a socket of its own, with our client in front of it. */
export async function serveDoor(parts: DoorParts): Promise<ServedDoor> {
  const directory = mkdtempSync(join(tmpdir(), "gantry-door-"));
  const warnings: string[] = [];
  const door = await serveDocker({
    socketPath: join(directory, "s"),
    routes: dockerRoutes(parts),
    traces: parts.traces,
    serverName: "gantry/0.1.0 (linux)",
    warn: (sentence) => warnings.push(sentence),
  });
  return {
    socketPath: door.socketPath,
    api: connectEngine(`unix://${door.socketPath}`),
    warnings,
    async [Symbol.asyncDispose]() {
      await door.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
