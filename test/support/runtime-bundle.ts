import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Process, RuntimeSpec } from "../../src/oci/runtime-spec.ts";

const ROOT = join(import.meta.dir, "../..");
const BUSYBOX = "/bin/busybox";
const APPLETS = [
  "sh",
  "true",
  "false",
  "cat",
  "ls",
  "sleep",
  "echo",
  "id",
  "env",
  "kill",
  "ps",
  "stty",
  "tty",
  "pwd",
  "mkdir",
];

/** Why a bundle cannot be run here; undefined when it can. */
export function runtimeSkipReason(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root";
  if (!existsSync(BUSYBOX)) return "needs Debian's busybox-static";
  return undefined;
}

export interface RuntimeResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The sources, as a command. */
const GANTRY: readonly string[] = [process.execPath, join(ROOT, "src/cli/main.ts"), "runtime"];

/** For suites that are proven on the original: ours, and runc where it is installed. */
export const RUNTIMES: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["gantry runtime", GANTRY],
  ...(Bun.which("runc") === null ? [] : [["runc", ["runc"]] as const]),
];

/** A bundle with busybox, a root for states, and the command; what is left over is removed with it. */
export class RuntimeBundle implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "gantry-runtime-"));
  readonly root = join(this.folder, "state");
  readonly bundle = join(this.folder, "bundle");
  readonly command: readonly string[];

  /** @param command the runtime, to compare with another. @default the sources */
  constructor(command = GANTRY) {
    this.command = command;
    for (const name of ["bin", "proc", "sys", "dev", "tmp", "etc"])
      mkdirSync(join(this.bundle, "rootfs", name), { recursive: true });
    copyFileSync(BUSYBOX, join(this.bundle, "rootfs/bin/busybox"));
    for (const name of APPLETS) symlinkSync("busybox", join(this.bundle, "rootfs/bin", name));
    this.write({});
  }

  /** Writes `config.json`. */
  write(change: Partial<Omit<RuntimeSpec, "process">> & { readonly process?: Partial<Process> }): void {
    const { process: changedProcess, ...others } = change;
    const spec: RuntimeSpec = {
      ociVersion: "1.2.0",
      root: { path: "rootfs" },
      process: {
        user: { uid: 0, gid: 0 },
        args: ["true"],
        env: ["PATH=/bin"],
        cwd: "/",
        ...changedProcess,
      },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
      ],
      linux: { namespaces: [{ type: "pid" }, { type: "mount" }, { type: "ipc" }, { type: "uts" }] },
      ...others,
    };
    writeFileSync(join(this.bundle, "config.json"), JSON.stringify(spec));
  }

  /** Runs the command to its end, 30 seconds at most. Files take what it prints, since init may outlive it. */
  run(...args: readonly string[]): RuntimeResult {
    const output = join(this.folder, `out-${crypto.randomUUID()}`);
    const script = 'exec "$@" >"$OUTPUT.1" 2>"$OUTPUT.2" </dev/null';
    const { status } = spawnSync("/bin/sh", ["-c", script, "sh", ...this.command, "--root", this.root, ...args], {
      cwd: this.bundle,
      timeout: 30_000,
      killSignal: "SIGKILL",
      env: { ...process.env, OUTPUT: output },
    });
    return { status, stdout: readFileSync(`${output}.1`, "utf8"), stderr: readFileSync(`${output}.2`, "utf8") };
  }

  /** The names below the root of states. */
  left(): readonly string[] {
    return existsSync(this.root) ? readdirSync(this.root) : [];
  }

  [Symbol.dispose](): void {
    for (const id of this.left()) this.run("delete", "--force", id);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
