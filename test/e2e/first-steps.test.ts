import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { daemonSkipReason, TestDaemon, until } from "../support/daemon.ts";

const reason = daemonSkipReason();
if (reason !== undefined) console.log(`skipped: first steps: ${reason}`);

describe.skipIf(reason !== undefined)("first steps", () => {
  let daemon: TestDaemon;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test("run prints what the container prints, and ends with its status", async () => {
    const result = await daemon.gantry(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect(result).toEqual({ stdout: "out\n", stderr: "err\n", status: 3 });
  });

  test("a program of the host runs as a container of its own, with no registry", async () => {
    const script = 'echo "process $$ of $HOSTNAME:" /*';
    const result = await daemon.gantry(["run", "--rm", "from-host:/bin/bash", "-c", script]);
    expect(result).toEqual({
      stdout: expect.stringMatching(/^process 1 of [0-9a-f]{12}: .*\/bin \/dev /),
      stderr: "",
      status: 0,
    });
  });

  test("input reaches the container", async () => {
    const result = await daemon.gantry(["run", "--rm", "-i", "busybox", "cat"], { input: "round trip" });
    expect(result).toEqual({ stdout: "round trip", stderr: "", status: 0 });
  });

  test("nothing is left after --rm", async () => {
    await daemon.gantry(["run", "--rm", "busybox", "true"]);
    // The interface goes with the network namespace, or a moment later.
    await until("nothing is left", () => daemon.leftovers().length === 0);
  });
});
