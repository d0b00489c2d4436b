import { describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RUNTIMES, RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";
import { TerminalReceiver } from "../support/terminal-receiver.ts";

const skip = runtimeSkipReason();
const id = (name: string): string => `gantry-test-${process.pid}-${name}`;
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");

async function until(what: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!what()) {
    if (Date.now() > end) throw new Error("it did not happen in time");
    await Bun.sleep(5);
  }
}

describe.skipIf(skip !== undefined)("descriptors, terminals and signals", () => {
  test("the console socket gets the terminal's master, of the wanted size", async () => {
    using bundle = new RuntimeBundle();
    const socket = join(bundle.folder, "console.sock");
    using receiver = await TerminalReceiver.start(bundle.folder, socket);
    const args = ["sh", "-c", "test -t 0 && stty size"];
    bundle.write({ process: { args, terminal: true, consoleSize: { height: 11, width: 22 } } });
    expect(bundle.run("run", "--detach", "--console-socket", socket, id("console"))).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect(await receiver.end()).toBe("/dev/ptmx\n11 22\r\n");
  });

  test("a terminal without anybody who takes it is refused, and the other way round", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ process: { terminal: true } });
    expect(bundle.run("create", id("tty")).stderr).toContain("cannot allocate tty");
    bundle.write({});
    expect(bundle.run("create", "--console-socket", "x", id("tty")).stderr).toContain("cannot use console socket");
    bundle.write({ process: { terminal: true } });
    const missing = bundle.run("create", "--console-socket", "/nonesuch.sock", id("tty"));
    expect({ status: missing.status, left: bundle.left() }).toEqual({ status: 1, left: [] });
    expect(missing.stderr).toContain("/nonesuch.sock");
  });

  test.each(RUNTIMES)(
    "%s: descriptors of socket activation and preserved ones reach the program, and no others",
    (_name, command) => {
      using bundle = new RuntimeBundle([...command]);
      const note = join(bundle.folder, "note");
      writeFileSync(note, "preserved\n");
      bundle.write({ process: { args: ["sh", "-c", "cat <&3; cat <&4; env | grep LISTEN; ls /proc/$$/fd; true"] } });
      const run = (pid: string, more: string): readonly string[] => {
        const script = `LISTEN_FDS=1 LISTEN_PID=${pid} exec "$@" --root "${bundle.root}" run --preserve-fds ${more} ${id("fds")} 3<"${note}" 4<"${note}" 5<"${note}" 6<"${note}" 2>&1`;
        const { stdout } = spawnSync("/bin/sh", ["-c", script, "sh", ...command], {
          ...{ cwd: bundle.bundle, encoding: "utf8", timeout: 30_000 },
        });
        return stdout.split("\n").sort();
      };
      const passed = ["0", "1", "2", "3", "4", "LISTEN_FDS=1", "LISTEN_PID=1", "preserved", "preserved"];
      expect(run("$$", "1")).toEqual(["", ...passed]);
      // Another's sockets are not ours, and fewer than none is none.
      bundle.write({ process: { args: ["sh", "-c", "env | grep LISTEN; ls /proc/$$/fd; true"] } });
      expect(run("1", "-1")).toEqual(["", "0", "1", "2"]);
      expect(run("$$", "-1")).toEqual(["", "0", "1", "2", "3", "LISTEN_FDS=1", "LISTEN_PID=1"]);
    },
  );

  test("a descriptor that is not open cannot be preserved", () => {
    using bundle = new RuntimeBundle();
    const result = bundle.run("run", "--preserve-fds", "900", id("closed"));
    expect(result).toMatchObject({ status: 1, stderr: expect.stringContaining("is to be preserved and is not open") });
  });

  test("run hands signals on, and ends as the program does", async () => {
    using bundle = new RuntimeBundle();
    bundle.write({
      process: { args: ["sh", "-c", "trap 'echo heard; exit 9' USR1; echo ready; while :; do sleep 1; done"] },
    });
    const child = spawn(process.execPath, [MAIN, "runtime", "--root", bundle.root, "run", id("signals")], {
      cwd: bundle.bundle,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.on("data", (bytes) => {
      said += bytes;
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    await until(() => said.includes("ready"));
    child.kill("SIGUSR1");
    expect(await ended).toBe(9);
    expect({ said, left: bundle.left() }).toEqual({ said: "ready\nheard\n", left: [] });
  });

  test("a container starts under a memory limit of 1 MB", () => {
    using bundle = new RuntimeBundle();
    const namespaces = (["pid", "mount", "ipc", "uts"] as const).map((type) => ({ type }));
    bundle.write({
      process: { args: ["echo", "small"] },
      linux: { namespaces, resources: { memory: { limit: 1 << 20 } } },
    });
    expect(bundle.run("run", id("small"))).toEqual({ status: 0, stdout: "small\n", stderr: "" });
  });

  test("an unknown capability is warned of", () => {
    using bundle = new RuntimeBundle();
    const capabilities = { bounding: ["CAP_NONESUCH", "CAP_KILL"] };
    bundle.write({ process: { args: ["true"], capabilities } });
    const { status, stderr } = bundle.run("run", id("capability"));
    expect(status).toBe(0);
    expect(stderr).toContain("level=warning");
    expect(stderr).toContain("CAP_NONESUCH");
  });
});
