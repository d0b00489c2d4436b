import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";
import { previousRelease, type Release } from "../support/previous-release.ts";

const skip = daemonSkipReason(["git"]);
if (skip !== undefined) console.log(`skipped: ${skip}`);

/** Answers each line that it is told; ends with 4 when it is asked to stop. */
const ECHOES = "trap 'echo stopping; exit 4' TERM; echo begun; while read line; do echo got $line; done; exit 5";

describe.skipIf(skip !== undefined)("containers of a previous release", () => {
  let daemon: TestDaemon;
  let release: Release;

  beforeAll(async () => {
    release = await previousRelease();
    daemon = await TestDaemon.start({ release: release.tree });
    for (const name of ["stops", "ends", "restarts"]) {
      const { status, stderr } = await daemon.gantry(["run", "-di", "--name", name, "busybox", "sh", "-c", ECHOES]);
      expect([status, stderr]).toEqual([0, ""]);
    }
    await daemon.gantry(["run", "-dit", "--name", "terminal", "busybox", "sh"]);
    await daemon.down("SIGKILL");
    await daemon.up();
  }, 120_000);
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    release[Symbol.dispose]();
  });

  test("they run on, and their logs are read", async () => {
    const { stdout } = await daemon.gantry(["ps", "--format", "{{.Names}}"]);
    expect(stdout.split("\n").filter(Boolean).toSorted()).toEqual(["ends", "restarts", "stops", "terminal"]);
    expect(await daemon.gantry(["logs", "stops"])).toMatchObject({ stdout: "begun\n", status: 0 });
  });

  test("exec enters them", async () => {
    const { stdout, status } = await daemon.gantry(["exec", "stops", "sh", "-c", "cat /proc/1/comm; exit 3"]);
    expect([stdout, status]).toEqual(["sh\n", 3]);
  });

  test("attach reads and writes, and has the exit code", async () => {
    const child = daemon.spawn(["attach", "ends"]);
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdin?.write("one\n");
    await until("it answers", () => output === "got one\n");
    await daemon.gantry(["exec", "ends", "sh", "-c", "kill -TERM 1"]);
    child.stdin?.write("two\n");
    expect([await ended, output]).toEqual([4, "got one\nstopping\n"]);
    expect((await daemon.gantry(["logs", "ends"])).stdout).toBe("begun\ngot one\nstopping\n");
    child.kill();
  });

  test("stop stops them, and the code is theirs", async () => {
    await daemon.gantry(["stop", "-t", "20", "stops"]);
    const { stdout } = await daemon.gantry(["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "stops"]);
    expect(stdout).toBe("exited 4\n");
  });

  test("a terminal is resized and ends", async () => {
    const api = daemon.api();
    const { Id: id } = await api.inspectContainer("terminal");
    await api.resizeContainer(id, { height: 33, width: 77 });
    expect((await daemon.gantry(["exec", "terminal", "sh", "-c", "stty size < /proc/1/fd/0"])).stdout).toBe("33 77\n");
    await api.killContainer(id);
    expect(await (await api.waitContainer(id)).result).toEqual({ StatusCode: 137 });
  });

  test("they start again, with today's helper", async () => {
    await daemon.gantry(["restart", "-t", "20", "restarts"]);
    await until("it runs again", async () => (await daemon.gantry(["logs", "restarts"])).stdout.endsWith("begun\n"));
    expect((await daemon.gantry(["logs", "restarts"])).stdout).toBe("begun\nstopping\nbegun\n");
  });
});
