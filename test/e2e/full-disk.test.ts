import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";
import { seedBusybox } from "../support/seed-images.ts";

const reason = daemonSkipReason();
if (reason !== undefined) console.log(`skipped: ${reason}`);

/** A daemon whose root is a disk of its own, with the image busybox. */
class SmallDisk implements AsyncDisposable {
  readonly daemon = new TestDaemon();
  readonly #fillPath = join(this.daemon.root, "fill");

  static async open(sizeMib: number): Promise<SmallDisk> {
    const disk = new SmallDisk();
    const { daemon } = disk;
    mkdirSync(daemon.root, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", daemon.root]);
    try {
      await daemon.up();
      const { layout } = await seedBusybox();
      await daemon.loadLayout(layout, "busybox:latest");
      return disk;
    } catch (error) {
      await daemon.down();
      disk.#unmount();
      rmSync(daemon.directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Until not one more byte fits. */
  fill(): void {
    const file = openSync(this.#fillPath, "a");
    const bytes = Buffer.alloc(4096);
    const write = (): boolean => {
      try {
        return writeSync(file, bytes) > 0;
      } catch {
        return false;
      }
    };
    while (write()) {}
    closeSync(file);
  }

  free(): void {
    rmSync(this.#fillPath, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.free();
    const ids = (await this.daemon.gantry(["ps", "-aq"])).stdout.split("\n").filter((id) => id !== "");
    if (ids.length > 0) await this.daemon.gantry(["rm", "-f", ...ids]);
    await this.daemon.down();
    this.#unmount();
    // Starts once more, on the empty folder, and takes from the host what belongs to this root.
    await this.daemon[Symbol.asyncDispose]();
  }

  #unmount(): void {
    execFileSync("umount", ["-l", this.daemon.root]);
  }
}

test.skipIf(reason !== undefined)(
  "on a full disk containers can be looked into, stopped and removed, and a file that does not fit is named",
  async () => {
    await using disk = await SmallDisk.open(24);
    const { daemon } = disk;
    const shout = "while :; do echo hello; sleep 0.01; done";
    for (const name of ["one", "two"]) {
      expect((await daemon.gantry(["run", "-d", "--name", name, "busybox", "sh", "-c", shout])).status).toBe(0);
    }
    disk.fill();
    const archive = join(daemon.root, "archive.tar");
    expect(await daemon.gantry(["save", "-o", archive, "busybox"])).toMatchObject({
      status: 1,
      stderr: `write ${archive}: no space left on device\n`,
    });
    expect(await daemon.gantry(["exec", "one", "echo", "inside"])).toMatchObject({ status: 0, stdout: "inside\n" });
    expect(await daemon.gantry(["stop", "-t", "0", "one"])).toMatchObject({ status: 0, stdout: "one\n" });
    expect(await daemon.gantry(["rm", "-f", "one", "two"])).toMatchObject({ status: 0, stdout: "one\ntwo\n" });
    await until("nothing of them is left", () => daemon.leftovers().length === 0);
  },
);

test.skipIf(reason !== undefined)("an exit code survives a full disk and a daemon that was away", async () => {
  await using disk = await SmallDisk.open(24);
  const { daemon } = disk;
  const command = ["run", "-d", "--name", "ending", "-v", `${daemon.directory}:/host`, "busybox", "sh", "-c"];
  await daemon.gantry([...command, "until [ -e /host/go ]; do sleep 0.01; done; exit 43"]);
  const pid = (await daemon.gantry(["inspect", "-f", "{{.State.Pid}}", "ending"])).stdout.trim();
  await daemon.down("SIGKILL");
  disk.fill();
  closeSync(openSync(join(daemon.directory, "go"), "w"));
  await until("the container has ended", () => !isThere(Number(pid)));
  await daemon.up();
  expect((await daemon.gantry(["wait", "ending"])).stdout).toBe("43\n");
});

function isThere(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8") !== "";
  } catch {
    return false;
  }
}
