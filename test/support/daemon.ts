import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EngineApi } from "../../src/api/engine-api.ts";
import { connectEngine } from "../../src/client/engine-client.ts";
import { readAnnouncement } from "../../src/daemon/announcement.ts";
import { hashRoot } from "../../src/daemon/root-hash.ts";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { clearHost } from "./clear-host.ts";
import { run, skipReason } from "./command.ts";
import { endChild } from "./end-child.ts";
import { seedBusybox } from "./seed-images.ts";

const repository = join(import.meta.dir, "../..");
const bun = join(repository, "node_modules/bun/bin/bun.exe");
const ENTRY = "src/cli/main.ts";
/** The command line of this checkout, from its sources. */
export const checkoutProgram = [bun, join(repository, ENTRY)];

/** What a command printed, and the status that it ended with (128 + n after signal n). */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export interface CommandOptions {
  /** Standard input; an empty one without it. */
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends a command that hangs: the test then sees status 137. @default 60000 */
  readonly timeoutMs?: number;
}

/** Why no daemon can run here; undefined if it can. */
export function daemonSkipReason(programs: readonly string[] = []): string | undefined {
  return skipReason({ root: true, programs: ["busybox", "flock", "tar", "gzip", ...programs] });
}

export interface TestDaemonOptions {
  /** Loads the image `busybox`. @default true */
  readonly busybox?: boolean;
  /** What the daemon is told by its environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The command that starts the program, for daemon and commands alike. @default the checkout's */
  readonly program?: readonly string[];
  /** The checkout whose daemon is started first; later ones are of this checkout. @default this one */
  readonly release?: string;
  /** The root is a file system of its own, so large; it can be filled. @default a folder */
  readonly rootSizeBytes?: number;
}

/** A daemon with a root, a state folder, a bridge and cgroups of its own; nothing of it is left when it is disposed. */
export class TestDaemon implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "gantry-e2e-"));
  readonly root = join(this.directory, "root");
  readonly state = join(this.directory, "run");
  readonly socketPath = join(this.state, "gantry.sock");
  #child: ChildProcess | undefined;
  #log = "";
  #hasMount = false;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #program: readonly string[];

  /** Names the places; `up` starts it. */
  constructor(environment: Readonly<Record<string, string>> = {}, program: readonly string[] = checkoutProgram) {
    this.#environment = environment;
    this.#program = program;
  }

  /** Starts it, with the image `busybox` loaded unless that is not wanted. */
  static async start(options: TestDaemonOptions = {}): Promise<TestDaemon> {
    const daemon = new TestDaemon(options.environment, options.program);
    try {
      if (options.rootSizeBytes !== undefined) await daemon.#mountRoot(options.rootSizeBytes);
      await daemon.up(options.release);
      if (options.busybox ?? true) {
        const { layout } = await seedBusybox();
        await daemon.loadLayout(layout, "busybox:latest");
      }
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The process number of the daemon that runs. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What the daemon has printed. */
  get log(): string {
    return this.#log;
  }

  /** Starts the daemon on the same root again; resolves when it serves. */
  async up(release?: string): Promise<void> {
    const [file = "", ...first] = release === undefined ? this.#program : [bun, join(release, ENTRY)];
    const child = spawn(file, [...first, ...this.#places(), "daemon"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...environment(), ...this.#environment },
    });
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#log += chunk.toString();
      if (this.#log.includes("ready at")) resolve();
    });
    child.on("exit", (status, signal) => {
      // One that ended by itself is no daemon: a command would start another, which nobody ends.
      if (this.#child === child) this.#child = undefined;
      reject(new Error(`the daemon ended with ${status ?? signal}:\n${this.#log}`));
    });
    this.#log = "";
    await promise;
  }

  /** Ends the daemon by a signal, and waits for its end. Containers run on. */
  async down(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endChild(child, signal);
  }

  /** Calls it without a command. */
  api(): EngineApi {
    return connectEngine(`unix://${this.socketPath}`);
  }

  #places(): string[] {
    return ["--root", this.root, "--state", this.state, "--host", `unix://${this.socketPath}`];
  }

  /** Starts a `gantry` command and leaves it running. */
  spawn(args: readonly string[], options: CommandOptions = {}): ChildProcess {
    const [file = "", ...first] = this.#program;
    return spawn(file, [...first, ...this.#places(), ...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...environment(), ...options.environment },
    });
  }

  /** Runs a `gantry` command to its end. */
  gantry(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return finish(this.spawn(args, options), options);
  }

  /** Runs the `docker` program to its end, on this daemon. */
  docker(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const child = spawn("docker", [...args], {
      stdio: ["pipe", "pipe", "pipe"],
      env: {
        ...environment(),
        DOCKER_HOST: `unix://${this.socketPath}`,
        DOCKER_CONFIG: this.directory,
        ...options.environment,
      },
    });
    return finish(child, options);
  }

  /** Loads an OCI layout folder (tag `seed`) under a name. */
  async loadLayout(layout: string, name: string): Promise<void> {
    const archive = join(this.directory, "seed.tar");
    const packed = await finish(spawn("tar", ["-C", layout, "-cf", archive, "."]), {});
    if (packed.status !== 0) throw new Error(packed.stderr);
    const loaded = await this.gantry(["load", "-i", archive]);
    if (loaded.status !== 0) throw new Error(loaded.stderr);
    rmSync(archive);
    const source = /Loaded image(?: ID)?: (\S+)/.exec(loaded.stdout)?.[1] ?? "";
    const tagged = await this.gantry(["tag", source, name]);
    if (tagged.status !== 0) throw new Error(`${loaded.stdout}${tagged.stderr}`);
  }

  /** What the host still has of this daemon's containers: folders, cgroups, interfaces, sockets. Empty when all are removed. */
  leftovers(): string[] {
    const hash = hashRoot(this.root);
    const groups = detectCgroups().mounts.map((mount) => join(mount.mountPoint, `gantry-${hash}`));
    const folders = [...groups, join(this.root, "containers"), join(this.state, "monitors"), join(this.state, "shm")];
    const inside = folders.flatMap((folder) =>
      namesIn(folder)
        .filter((name) => /^[0-9a-f]{12}/.test(name))
        .map((name) => join(folder, name)),
    );
    const interfaces = pluggedInterfaces(hash);
    return [...inside, ...interfaces];
  }

  /** What pulls, loads and unpackings left half-done in the store, and the layers that it keeps. */
  stored(): string[] {
    const files = ["content/ingest", "snapshots/temporary"].flatMap((folder) =>
      namesIn(join(this.root, folder)).map((name) => `${folder}/${name}`),
    );
    const layers = namesIn(join(this.root, "snapshots")).filter((name) => /^[0-9a-f]{64}$/.test(name));
    return [...files, ...layers];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#retireOther();
      if (this.#child === undefined && existsSync(this.root)) await this.up();
      // One that was never started has nothing; a command would start another, which nobody ends.
      if (this.#child === undefined) return;
      const { stdout } = await this.gantry(["ps", "-aq"]);
      const ids = stdout.split("\n").filter((id) => id !== "");
      if (ids.length > 0) await this.gantry(["rm", "-f", ...ids]);
    } finally {
      await this.down();
      await clearHost(this.root);
      if (this.#hasMount) await run(["umount", this.root]);
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  async #mountRoot(sizeBytes: number): Promise<void> {
    mkdirSync(this.root);
    await run(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes}`, "tmpfs", this.root]);
    this.#hasMount = true;
  }

  /** Ends a daemon that a command has started here. */
  async #retireOther(): Promise<void> {
    const announcement = join(this.state, "daemon.json");
    const other = readAnnouncement(announcement)?.pid;
    if (other === undefined || other === this.pid) return;
    process.kill(other, "SIGTERM");
    await until("the daemon that a command started has ended", () => readAnnouncement(announcement) === undefined);
  }
}

async function finish(child: ChildProcess, options: CommandOptions): Promise<CommandResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input);
  const timer = setTimeout(() => child.kill("SIGKILL"), options.timeoutMs ?? 60_000);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(code ?? (signal === "SIGKILL" ? 137 : 143)));
  });
  clearTimeout(timer);
  return { stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), status };
}

function environment(): Record<string, string> {
  return { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`, HOME: "/root", TERM: "xterm", NO_COLOR: "1" };
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Waits until something holds, looking every few milliseconds; fails with `what` after 20 seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The processes whose command line holds `text`. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** The interfaces of a daemon's containers; those that wait for one are the daemon's own. */
export function pluggedInterfaces(rootHash: string): string[] {
  return namesIn("/sys/class/net").filter((name) => name.startsWith(`gv${rootHash}`) && !isSpare(name));
}

function isSpare(name: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${name}/ifalias`, "utf8").trim() === "spare";
  } catch {
    return true; // gone meanwhile
  }
}
