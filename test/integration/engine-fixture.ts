import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildNative } from "../../scripts/build-native.ts";
import type { ContainerConfig } from "../../src/engine/container/container-config.ts";
import type { EngineImages, EngineNetwork } from "../../src/engine/dependencies.ts";
import type { OutputChunk, StdioSession } from "../../src/engine/engine.ts";
import {
  createEngine,
  ENGINE_MIGRATIONS,
  hostCgroups,
  hostSecurity,
  type LocalEngine,
  readHostFacts,
} from "../../src/engine/index.ts";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { NetworkNamespace } from "../../src/linux/netlink/network-namespace.ts";
import { raiseLoopback } from "../../src/network/plug.ts";
import { digestOf } from "../../src/oci/hash-digest.ts";
import type { ImageExecutionConfig } from "../../src/oci/image.ts";
import { parseAvailableCapabilities } from "../../src/runtime/capabilities/index.ts";
import { State } from "../../src/state/state.ts";
import { Supervisor } from "../../src/supervise/index.ts";
import { VOLUME_MIGRATIONS, VolumeStore } from "../../src/volume/index.ts";

export const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

const PROGRAMS =
  "sh ls cat echo mount id ps hostname stat sleep yes head kill printf stty tty true false dd sed grep mkdir touch env pwd wc nproc readlink umask mknod ping ipcs chmod rm awk nc ip wget ln mv mkfifo";

/** An engine of its own on a busybox image: folders, cgroups and processes are gone when it is disposed. */
export class EngineFixture implements AsyncDisposable {
  readonly directory: string;
  readonly rootHash: string;
  readonly warnings: string[] = [];
  readonly engine: LocalEngine;
  readonly state: State;
  readonly volumes: VolumeStore;
  readonly #supervisor: Supervisor;
  readonly #isOwner: boolean;

  private constructor(options: {
    readonly directory?: string;
    readonly image?: ImageExecutionConfig;
    readonly boot?: string;
    readonly network?: EngineNetwork;
  }) {
    this.#isOwner = options.directory === undefined;
    this.directory = options.directory ?? makeRoot();
    this.rootHash = digestOf(this.directory).slice(-8);
    const root = join(this.directory, "root");
    const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
    this.state = State.open(join(root, "state.db"), {
      migrations: [...ENGINE_MIGRATIONS, ...VOLUME_MIGRATIONS],
      now: Date.now,
    });
    const random = (count: number): Uint8Array => randomBytes(count);
    this.volumes = new VolumeStore({
      directory: join(root, "volumes"),
      state: this.state,
      clock: { nowNs: now },
      randomBytes: random,
    });
    this.#supervisor = new Supervisor({ helperPath: buildNative().path, bootId, nowNs: now });
    this.engine = createEngine({
      root,
      stateDirectory: join(this.directory, "run"),
      database: this.state,
      images: this.#images(options.image ?? {}),
      network: options.network ?? NETWORK,
      volumes: this.volumes,
      supervisor: this.#supervisor,
      cgroups: hostCgroups(detectCgroups(), { rootHash: this.rootHash }),
      host: readHostFacts(),
      security: hostSecurity(),
      clock: { nowNs: now },
      randomBytes: random,
      bootId: options.boot ?? bootId,
      capabilities: parseAvailableCapabilities(readFileSync("/proc/self/status", "utf8")),
      readResolvConf: () => "nameserver 192.0.2.1\n",
      warn: (sentence) => void this.warnings.push(sentence),
    });
  }

  static async open(
    options: {
      readonly directory?: string;
      readonly image?: ImageExecutionConfig;
      readonly boot?: string;
      readonly network?: EngineNetwork;
    } = {},
  ): Promise<EngineFixture> {
    const fixture = new EngineFixture(options);
    await fixture.engine.recover();
    return fixture;
  }

  #images(config: ImageExecutionConfig): EngineImages {
    const lower = [join(this.directory, "lower")];
    const image = {
      id: digestOf("config"),
      manifestDigest: digestOf("manifest"),
      config: {
        os: "linux",
        architecture: "amd64",
        config: { Env: ["PATH=/bin"], Cmd: ["sh"], ...config },
        rootfs: { type: "layers" as const, diff_ids: [] },
      },
      platform: { os: "linux", architecture: "amd64" },
      names: ["box"],
    };
    return {
      resolve: () => image,
      ensureSnapshot: async () => ({ chainId: "chain", lower }),
      hold: () => {},
      release: () => {},
    };
  }

  get root(): string {
    return join(this.directory, "root");
  }

  /** What is still on the host of this engine. */
  leftovers(): string[] {
    const parents = detectCgroups().mounts.map((mount) => join(mount.mountPoint, `gantry-${this.rootHash}`));
    return [
      ...parents.flatMap((path) => foldersIn(path)),
      ...namesIn(join(this.root, "containers")),
      ...namesIn(join(this.directory, "run/monitors")),
      ...namesIn(join(this.directory, "run/shm")),
    ];
  }

  /** Creates, attaches, waits, starts: as `run` does. */
  async run(
    config: Partial<ContainerConfig> & { readonly command?: readonly string[] },
    options: { readonly name?: string; readonly input?: string } = {},
  ): Promise<{ readonly id: string; readonly stdout: string; readonly stderr: string; readonly exitCode: number }> {
    const { id } = await this.engine.create(
      {
        image: "box",
        network: { mode: "none" },
        ...config,
        ...(options.input === undefined ? {} : { openStdin: true, stdinOnce: true }),
      },
      options,
    );
    const session = await this.engine.attach(id, { stdin: options.input !== undefined, stdout: true, stderr: true });
    const printed = collect(session.output);
    const { result } = this.engine.wait(id, { condition: config.autoRemove === true ? "removed" : "next-exit" });
    await this.engine.start(id);
    if (options.input !== undefined) {
      await session.write(Buffer.from(options.input));
      await session.closeStdin();
    }
    const { exitCode } = await result;
    return { id, exitCode, ...(await printed) };
  }

  async exec(
    container: string,
    command: readonly string[],
    more: object = {},
  ): Promise<{ stdout: string; exitCode: number | undefined }> {
    const { id } = await this.engine.createExec(container, { command, ...more });
    const session = (await this.engine.startExec(id)) as StdioSession;
    const { stdout } = await collect(session.output);
    while (this.engine.inspectExec(id).running) await new Promise((resolve) => setTimeout(resolve, 2));
    return { stdout, exitCode: this.engine.inspectExec(id).exitCode };
  }

  events(): string[] {
    const rows = this.state.db.query("SELECT type, action FROM events ORDER BY seq").all() as {
      type: string;
      action: string;
    }[];
    return rows.map((row) => `${row.type} ${row.action}`);
  }

  /** Lets go as a daemon does that ends; containers go on. */
  async release(): Promise<void> {
    await this.engine.close();
    this.state.close();
    this.#supervisor.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of this.engine.list()) {
      await this.engine.remove(container.id, { force: true, volumes: true }).catch(() => undefined);
    }
    await this.release();
    if (this.#isOwner) rmSync(this.directory, { recursive: true, force: true });
  }
}

const NETWORK: EngineNetwork = {
  allocate: () => Promise.reject(new Error("these tests have no bridge")),
  connect: async () => undefined,
  sandbox: () => undefined,
  letGo() {},
  loopback(pid) {
    using namespace = NetworkNamespace.ofProcess(pid);
    raiseLoopback(namespace);
  },
  inspect: () => ({ id: "0".repeat(64), driver: "null" }),
  endpoint: () => undefined,
  release: async () => undefined,
  recover: async () => undefined,
};

export async function collect(output: AsyncIterable<OutputChunk>): Promise<{ stdout: string; stderr: string }> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  for await (const { stream, bytes } of output) parts[stream].push(bytes);
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}

function makeRoot(): string {
  const directory = mkdtempSync("/tmp/gantry-engine-");
  const bin = join(directory, "lower/bin");
  mkdirSync(bin, { recursive: true });
  cpSync("/bin/busybox", join(bin, "busybox"));
  for (const name of PROGRAMS.split(" ")) symlinkSync("busybox", join(bin, name));
  for (const name of ["etc", "tmp", "proc", "dev", "sys", "root", "data/deep", "run"]) {
    mkdirSync(join(directory, "lower", name), { recursive: true });
  }
  writeFileSync(
    join(directory, "lower/etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n",
  );
  writeFileSync(join(directory, "lower/etc/group"), "root:x:0:\nbob:x:1000:\nwheel:x:10:bob\n");
  writeFileSync(join(directory, "lower/data/file"), "from the image\n");
  writeFileSync(join(directory, "lower/etc/noexec"), "not a program\n");
  mkdirSync(join(directory, "root"));
  return directory;
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function foldersIn(path: string): string[] {
  return namesIn(path).filter((name) => /^[0-9a-f]{64}$/.test(name));
}
