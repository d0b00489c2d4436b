import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Process, RuntimeSpec } from "../../src/oci/runtime-spec.ts";
import { PipedCommand, until } from "./piped-command.ts";
import { RuntimeBundle, type RuntimeResult } from "./runtime-bundle.ts";

/** Counts into a file of the host's, until that says to end with status 7. */
const COUNTER = `i=0; while [ ! -e /data/end ]; do i=$((i+1)); echo $i >/data/.n; mv /data/.n /data/n; echo count $i; sleep 0.05; done; exit 7`;

/** A container to be checkpointed: a counter in namespaces of its own, with a bind mount, hidden paths and a network. */
export class CountingContainer implements Disposable {
  readonly bundle: RuntimeBundle;
  readonly data: string;

  constructor(
    change: {
      readonly process?: Partial<Process>;
      readonly spec?: Partial<Omit<RuntimeSpec, "process">>;
      readonly cgroupsPath?: string;
    } = {},
  ) {
    this.bundle = new RuntimeBundle();
    this.data = join(this.bundle.folder, "data");
    mkdirSync(this.data);
    const bin = join(this.bundle.bundle, "rootfs/bin");
    for (const name of ["mv", "ip", "nc", "netstat", "test"]) copyFileSync("/bin/busybox", join(bin, name));
    this.bundle.write({
      process: { args: ["sh", "-c", COUNTER], ...change.process },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
        { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
        { destination: "/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
        { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] },
        { destination: "/data", type: "bind", source: this.data, options: ["bind"] },
      ],
      linux: {
        namespaces: [
          { type: "pid" },
          { type: "mount" },
          { type: "ipc" },
          { type: "uts" },
          { type: "network" },
          ...(existsSync("/sys/fs/cgroup/cgroup.controllers") ? [{ type: "cgroup" } as const] : []),
        ],
        maskedPaths: ["/proc/kcore", "/proc/acpi", "/proc/nonesuch"],
        readonlyPaths: ["/proc/sys"],
        ...(change.cgroupsPath === undefined ? {} : { cgroupsPath: change.cgroupsPath }),
      },
      ...change.spec,
    });
  }

  /** How far it has counted. */
  get count(): number {
    const file = join(this.data, "n");
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  }

  /** A call of the runtime that makes a container which has our pipes. */
  piped(...args: readonly string[]): PipedCommand {
    return new PipedCommand([...this.bundle.command, "--root", this.bundle.root, ...args], {
      folder: this.bundle.folder,
      cwd: this.bundle.bundle,
    });
  }

  run(...args: readonly string[]): RuntimeResult {
    return this.bundle.run(...args);
  }

  path(name: string): string {
    return join(this.bundle.folder, name);
  }

  /** Waits until it counts on. @returns how far it was when it did. */
  async counts(): Promise<number> {
    const from = this.count;
    await until(() => this.count > from, "counting");
    return this.count;
  }

  [Symbol.dispose](): void {
    this.bundle[Symbol.dispose]();
  }
}
