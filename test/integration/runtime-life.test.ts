import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
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

  test("a start that is killed after its word leaves a container that runs", async () => {
    using bundle = new RuntimeBundle();
    const name = id("word");
    bundle.write({ process: { args: ["sleep", "1000"] } });
    bundle.run("create", name);
    writeFileSync(join(bundle.root, name, "exec.fifo"), "x");
    while (JSON.parse(bundle.run("state", name).stdout).status !== "running") await Bun.sleep(5);
    expect(bundle.run("start", name).stderr).toContain("cannot start an already running container");
    expect(bundle.run("delete", "--force", name).status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });

  test("a container that a previous release made, which kept no folders, is driven", () => {
    using bundle = new RuntimeBundle();
    const name = id("before");
    const path = join(bundle.root, name, "state.json");
    bundle.write({ process: { args: ["sleep", "1000"] } });
    bundle.run("create", name);
    const state = JSON.parse(readFileSync(path, "utf8"));
    const { folders, ...cgroup } = state.cgroup;
    writeFileSync(path, JSON.stringify({ ...state, cgroup }));
    expect(bundle.run("start", name).status).toBe(0);
    expect(bundle.run("pause", name).status).toBe(0);
    expect(JSON.parse(bundle.run("state", name).stdout).status).toBe("paused");
    expect(bundle.run("resume", name).status).toBe(0);
    expect(bundle.run("delete", "--force", name).status).toBe(0);
    expect(folders.filter((folder: { readonly path: string }) => existsSync(folder.path))).toEqual([]);
  });

  test("a relative cgroupsPath means what it meant to who made the container, whoever deletes it", () => {
    using bundle = new RuntimeBundle();
    const name = id("relative");
    const elsewhere = detectCgroups().mounts.map(({ mountPoint, ownPath }) =>
      join(ownPath ?? mountPoint, id("elsewhere"), "inner"),
    );
    bundle.write({
      process: { args: ["true"] },
      linux: { namespaces: [{ type: "pid" }, { type: "mount" }], cgroupsPath: id("below") },
    });
    expect(bundle.run("run", "--keep", name).status).toBe(0);
    const { folders } = JSON.parse(readFileSync(join(bundle.root, name, "state.json"), "utf8")).cgroup;
    try {
      for (const path of elsewhere) mkdirSync(path, { recursive: true });
      const enter = 'for group in $GROUPS_OF_TEST; do echo 0 >"$group/cgroup.procs" || :; done 2>/dev/null; exec "$@"';
      const command = [process.execPath, join(import.meta.dir, "../../src/cli/main.ts"), "runtime"];
      const args = ["-c", enter, "sh", ...command, "--root", bundle.root, "delete", name];
      const env = { ...process.env, GROUPS_OF_TEST: elsewhere.join(" ") };
      expect(spawnSync("sh", args, { env }).status).toBe(0);
    } finally {
      for (const path of elsewhere.flatMap((inner) => [inner, join(inner, "..")])) rmdirSync(path);
    }
    expect(folders.length).toBeGreaterThan(0);
    expect(folders.filter((folder: { readonly path: string }) => existsSync(folder.path))).toEqual([]);
  });

  test.each([
    ["runc", "state.json", '{"id":"other","init_process_pid":1,"init_process_start":1,"config":{}}'],
    ["crun", "status", '{"pid":1,"cgroup-path":"/other"}'],
  ])("what %s keeps in the same root is left alone, with --force too", (_, file, text) => {
    using bundle = new RuntimeBundle();
    const folder = join(bundle.root, "other");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file), text);
    const { status, stderr } = bundle.run("delete", "--force", "other");
    expect({ status, left: readdirSync(folder) }).toEqual({ status: 1, left: [file] });
    expect(stderr).toContain('container \\"other\\" is not this runtime\'s');
  });

  test("what a killed creation left is removed with --force", () => {
    using bundle = new RuntimeBundle();
    for (const name of ["empty", "half"]) mkdirSync(join(bundle.root, name), { recursive: true });
    writeFileSync(join(bundle.root, "half", ".state.json.new"), "{");
    expect(bundle.run("delete", "--force", "empty").status).toBe(0);
    expect(bundle.run("delete", "--force", "half").status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });
});
