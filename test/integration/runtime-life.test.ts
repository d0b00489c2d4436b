import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason();
/** Names of control groups are the host's. */
const id = (name: string): string => `gantry-test-${process.pid}-${name}`;

describe.skipIf(skip !== undefined)("the life of a container of `gantry runtime`", () => {
  test("run ends with the program's status and leaves nothing", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ process: { args: ["sh", "-c", "echo out; echo err >&2; exit 7"] } });
    expect(bundle.run("run", id("status"))).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
    expect(bundle.left()).toEqual([]);
  });

  test("a program that is killed ends as in a shell", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ process: { args: ["sh", "-c", "kill -9 1; kill -9 $$; exit 3"] } });
    // Process 1 of a namespace cannot kill itself: its child can.
    expect(bundle.run("run", id("killed")).status).toBe(3);
  });

  test("create, state, start, kill and delete", async () => {
    using bundle = new RuntimeBundle();
    const name = id("steps");
    const pidFile = join(bundle.folder, "pid");
    bundle.write({ process: { args: ["sleep", "1000"] }, annotations: { color: "blue" } });
    expect(bundle.run("create", "--pid-file", pidFile, name)).toEqual({ status: 0, stdout: "", stderr: "" });
    const created = JSON.parse(bundle.run("state", name).stdout);
    expect(created).toEqual({
      ociVersion: "1.2.0",
      id: name,
      pid: Number(readFileSync(pidFile, "utf8")),
      status: "created",
      bundle: bundle.bundle,
      rootfs: join(bundle.bundle, "rootfs"),
      created: expect.any(String),
      annotations: { color: "blue" },
      owner: "",
    });
    expect(bundle.run("start", name).status).toBe(0);
    expect(JSON.parse(bundle.run("state", name).stdout).status).toBe("running");
    expect(bundle.run("start", name).stderr).toContain("cannot start an already running container");
    expect(bundle.run("delete", name).stderr).toContain("that is not stopped: running");
    expect(bundle.run("kill", name, "KILL").status).toBe(0);
    while (JSON.parse(bundle.run("state", name).stdout).status !== "stopped") await Bun.sleep(5);
    expect(bundle.run("kill", name).stderr).toContain("container not running");
    expect(bundle.run("delete", name).status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });

  test("a created container can be deleted, and one that runs with --force", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ process: { args: ["sleep", "1000"] } });
    bundle.run("create", id("created"));
    expect(bundle.run("delete", id("created"))).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(bundle.run("run", "--detach", id("forced")).status).toBe(0);
    expect(bundle.run("delete", "--force", id("forced")).status).toBe(0);
    expect(bundle.run("delete", "--force", id("forced")).status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });

  test("what cannot be executed is told by create, and nothing is left", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ process: { args: ["nonesuch"] } });
    const { status, stderr } = bundle.run("create", id("nonesuch"));
    expect({ status, left: bundle.left() }).toEqual({ status: 1, left: [] });
    expect(stderr).toContain('exec: \\"nonesuch\\": executable file not found in $PATH');
  });

  test("an id is taken once", () => {
    using bundle = new RuntimeBundle();
    bundle.run("create", id("once"));
    const again = bundle.run("create", id("once"));
    expect({ ...again, stderr: "" }).toEqual({ status: 1, stdout: "", stderr: "" });
    expect(again.stderr).toContain("container with given ID already exists");
    expect(bundle.left()).toEqual([id("once")]);
  });
});
