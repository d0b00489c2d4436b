import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { buildNative } from "../../scripts/build-native.ts";
import type { Mount, Process, RuntimeSpec } from "../../src/oci/runtime-spec.ts";
import { type ContainerPlanOptions, type Plan, planContainer } from "../../src/runtime/plan/index.ts";
import { type ExitRecord, type LaunchOptions, type Monitor, Supervisor } from "../../src/supervise/index.ts";

export const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
export const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

const PROGRAMS =
  "sh ls cat echo mount id ps hostname stat sleep yes head kill printf stty tty true dd sed grep mkdir touch seq wc env nproc readlink tr chmod nc ip umount ln rm cp";

const KINDS = ["pid", "network", "ipc", "uts", "mount", "cgroup"] as const;

const MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=64m"],
  },
];

/** A busybox root filesystem and what one container needs around it, in a temporary folder. */
export class Fixture implements AsyncDisposable {
  readonly directory = mkdtempSync("/tmp/gantry-supervise-");
  readonly supervisor: Supervisor;
  readonly #monitors: Monitor[] = [];
  #count = 0;

  constructor() {
    const { path } = buildNative();
    this.supervisor = new Supervisor({ helperPath: path, bootId, nowNs });
    const bin = join(this.directory, "lower/bin");
    mkdirSync(bin, { recursive: true });
    cpSync("/bin/busybox", join(bin, "busybox"));
    for (const name of PROGRAMS.split(" ")) symlinkSync("busybox", join(bin, name));
    for (const name of ["etc", "tmp", "proc", "dev", "sys"]) mkdirSync(join(this.directory, "lower", name));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  process(args: readonly string[], process: Partial<Process> = {}): Process {
    return { cwd: "/", user: { uid: 0, gid: 0 }, env: ["PATH=/bin"], args, ...process };
  }

  spec(args: readonly string[], spec: Partial<RuntimeSpec> = {}, process: Partial<Process> = {}): RuntimeSpec {
    const namespaces = spec.linux?.namespaces ?? KINDS.map((type) => ({ type }));
    return {
      ociVersion: "1.3.0",
      ...(namespaces.some(({ type }) => type === "uts") ? { hostname: "box" } : {}),
      process: this.process(args, process),
      ...spec,
      mounts: [...MOUNTS, ...(spec.mounts ?? [])],
      linux: {
        namespaces,
        maskedPaths: ["/proc/kcore", "/proc/keys", "/sys/firmware"],
        readonlyPaths: ["/proc/sys"],
        ...spec.linux,
      },
    };
  }

  plan(spec: RuntimeSpec, options: Partial<ContainerPlanOptions> & { readonly legacy?: boolean } = {}): Plan {
    const name = `${this.#count++}`;
    for (const kind of ["upper", "work"]) mkdirSync(this.path(`${kind}-${name}`));
    return planContainer(spec, {
      rootfs: {
        type: "overlay",
        lower: [this.path("lower")],
        upper: this.path(`upper-${name}`),
        work: this.path(`work-${name}`),
        legacy: options.legacy ?? false,
      },
      cgroups: [],
      ...options,
    });
  }

  options(plan: Plan, options: Partial<LaunchOptions> = {}): LaunchOptions {
    const name = `${this.#count++}`;
    return {
      id: `test-${name}`,
      socketPath: this.path(`${name}.sock`),
      exitPath: this.path(`${name}.exit`),
      tty: false,
      openStdin: false,
      stdinOnce: false,
      ...options,
      plan,
    };
  }

  async launch(options: LaunchOptions): Promise<Monitor> {
    const monitor = await this.supervisor.launch(options);
    this.#monitors.push(monitor);
    return monitor;
  }

  /** Launches, attaches, starts, and waits for the end. */
  async run(
    plan: Plan,
    options: Partial<LaunchOptions> = {},
  ): Promise<{ record: ExitRecord; stdout: string; stderr: string }> {
    const monitor = await this.launch(this.options(plan, options));
    await monitor.ready();
    const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
    const output = collect(attachment.output);
    await monitor.start();
    return { record: await monitor.exited, ...(await output) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const monitor of this.#monitors) {
      for (const { pid, startTime } of [monitor.init, monitor.monitor]) killIfSame(pid, startTime);
      monitor.disconnect();
    }
    this.supervisor.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function killIfSame(pid: number, startTime: number): void {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    if (Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) === startTime) process.kill(pid, "SIGKILL");
  } catch {
    // gone already
  }
}

/** All output, as text. */
export async function collect(
  output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>,
): Promise<{ stdout: string; stderr: string }> {
  const parts: { stdout: Uint8Array[]; stderr: Uint8Array[] } = { stdout: [], stderr: [] };
  for await (const { stream, bytes } of output) parts[stream].push(bytes);
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}
