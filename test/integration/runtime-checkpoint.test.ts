import { describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../support/command.ts";
import { CountingContainer } from "../support/counting-container.ts";
import { hostMounts } from "../support/host-mounts.ts";
import { PipedCommand, until } from "../support/piped-command.ts";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";
import { TerminalReceiver } from "../support/terminal-receiver.ts";

/** criu says itself whether this kernel has what it needs. */
function criuSkipReason(): string | undefined {
  if (runtimeSkipReason() !== undefined) return runtimeSkipReason();
  const criu = findProgram("criu");
  if (criu === undefined) return "criu is not installed";
  const { status, error } = spawnSync(criu, ["check"], { timeout: 30_000, killSignal: "SIGKILL" });
  if (error !== undefined) throw new Error("criu check does not end", { cause: error });
  return status === 0 ? undefined : "this kernel lacks what criu needs (criu check)";
}

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const skip = criuSkipReason();
const id = (name: string): string => `gantry-test-${process.pid}-${name}`;

function groupsOf(name: string): readonly string[] {
  const { stdout } = spawnSync("find", ["/sys/fs/cgroup", "-name", name], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line !== "");
}

function isFrozen(group: string): boolean {
  const [v1, v2] = ["freezer.state", "cgroup.freeze"].map((file) => join(group, file));
  if (v2 !== undefined && existsSync(v2)) return readFileSync(v2, "utf8") === "1\n";
  return v1 !== undefined && existsSync(v1) && readFileSync(v1, "utf8") !== "THAWED\n";
}

const mounts = (one: CountingContainer): readonly string[] => hostMounts(one.bundle.folder);
const mountPoints = (one: CountingContainer): readonly string[] =>
  mounts(one).map((line) => line.split(" - ")[0] ?? "");
const statusOf = (one: CountingContainer, name: string): string => JSON.parse(one.run("state", name).stdout).status;

/** Starts the counter, and waits until it counts. */
async function started(one: CountingContainer, name: string): Promise<void> {
  const run = one.piped("run", "--detach", name);
  expect({ status: await run.status(), output: run.output.replace(/count \d+\n/g, "") }).toEqual({
    status: 0,
    output: "",
  });
  await one.counts();
}

async function restored(one: CountingContainer, ...args: readonly string[]): Promise<void> {
  const restore = one.piped("restore", "--detach", ...args);
  const status = await restore.status();
  expect({ status, output: restore.output.replace(/count \d+\n/g, "") }).toEqual({ status: 0, output: "" });
}

describe.skipIf(skip !== undefined)("checkpoint and restore", () => {
  test("a process goes on where it was, in a container like the one before", async () => {
    using one = new CountingContainer();
    const name = id("on");
    const atFirst = mounts(one);
    const [images, work, pidFile] = [one.path("images"), one.path("work"), one.path("pid")];
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", images, "--work-path", work, name)).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
    expect({ left: one.bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
    expect(readdirSync(images)).toContain("inventory.img");
    const [stoppedAt, before] = [one.count, mounts(one)];
    expect(before).toEqual(atFirst);

    await restored(one, "--image-path", images, "--work-path", work, "--pid-file", pidFile, name);
    expect(await one.counts()).toBeLessThan(stoppedAt + 200);
    expect(one.count).toBeGreaterThan(stoppedAt);
    const pid = Number(readFileSync(pidFile, "utf8"));
    expect(JSON.parse(one.run("state", name).stdout)).toMatchObject({ pid, status: "running" });
    // Its groups, its loopback interface, what was hidden, and nothing of ours.
    const script = "cat /proc/1/cgroup; ip -o link show lo; cat /proc/kcore; ls -A /proc/acpi; cat /proc/mounts";
    const { stdout, stderr } = one.run("exec", name, "sh", "-c", script);
    expect({ stderr, script: stdout }).toEqual({ stderr: "", script: expect.stringContaining("LOOPBACK,UP") });
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`/${name}\n`);
    expect(stdout).not.toContain("criu");
    // With the options of its file systems.
    expect(mounts(one)).toEqual(before);
    expect(readdirSync(join(one.bundle.root, name))).toEqual(["state.json"]);

    // As often as one likes.
    expect(one.run("checkpoint", "--image-path", one.path("again"), name).status).toBe(0);
    const again = one.count;
    await restored(one, "--image-path", one.path("again"), name);
    expect(await one.counts()).toBeGreaterThan(again);
    expect(one.run("delete", "--force", name).status).toBe(0);
    expect({ left: one.bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
  });

  test("masked files of a restored container are no device of the host's", async () => {
    using one = new CountingContainer();
    const name = id("masked");
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    await restored(one, "--image-path", one.path("images"), name);
    const mode = (): string => spawnSync("stat", ["-c", "%a", "/dev/null"], { encoding: "utf8" }).stdout;
    const before = mode();
    one.run("exec", name, "/bin/busybox", "chmod", "600", "/proc/kcore");
    expect(mode()).toBe(before);
  });

  test("--leave-running saves it and lets it go on", async () => {
    const name = id("leave");
    using one = new CountingContainer({ cgroupsPath: name });
    await started(one, name);
    expect(one.run("checkpoint", "--leave-running", "--image-path", one.path("images"), name).status).toBe(0);
    await one.counts();
    expect(statusOf(one, name)).toBe("running");
    expect(existsSync(one.path("images/inventory.img"))).toBe(true);
    // Who is in a group already is not disturbed by a restore that would come into it.
    const other = ["restore", "--detach", "--image-path", one.path("images"), id("other")];
    expect(one.run(...other)).toMatchObject({ status: 1, stderr: expect.stringContaining("is not empty") });
    expect(one.bundle.left()).toEqual([name]);
    await one.counts();
  });

  test("memory is saved beforehand, and what has changed since afterwards", async () => {
    using one = new CountingContainer();
    const name = id("pre");
    await started(one, name);
    const absolute = one.run(
      "checkpoint",
      "--parent-path",
      one.path("parent"),
      "--image-path",
      one.path("images"),
      name,
    );
    expect(absolute.stderr).toContain("--parent-path must be relative");
    const missing = one.run("checkpoint", "--parent-path", "../parent", "--image-path", one.path("images"), name);
    expect(missing.stderr).toContain("invalid --parent-path");
    expect(one.run("checkpoint", "--pre-dump", "--image-path", one.path("parent"), name)).toMatchObject({
      status: 0,
      stderr: "",
    });
    await one.counts();
    expect(statusOf(one, name)).toBe("running");
    expect(one.run("checkpoint", "--parent-path", "../parent", "--image-path", one.path("images"), name)).toMatchObject(
      {
        status: 0,
        stderr: "",
      },
    );
    expect(existsSync(one.path("images/parent"))).toBe(true);
    const stoppedAt = one.count;
    await restored(one, "--image-path", one.path("images"), name);
    expect(await one.counts()).toBeGreaterThan(stoppedAt);
  });

  test("restored in the foreground it ends with the program's status, and nothing is left", async () => {
    const note = join(tmpdir(), id("note"));
    const hook = { path: "/bin/sh", args: ["sh", "-c", `cat >>${note}; echo >>${note}`] };
    using one = new CountingContainer({ spec: { hooks: { createRuntime: [hook], poststop: [hook] } } });
    const name = id("foreground");
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    const restore = one.piped("restore", "--image-path", one.path("images"), name);
    await one.counts();
    writeFileSync(join(one.data, "end"), "");
    expect(await restore.status()).toBe(7);
    expect(restore.output).toMatch(/^(count \d+\n)+$/);
    const statuses = readFileSync(note, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).status);
    expect(statuses).toEqual(["creating", "stopped", "creating", "stopped"]);
    rmSync(note);
    expect({ left: one.bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
  });

  test("a terminal's master goes to the console socket again", async () => {
    const script = "while ! test -e /data/go; do sleep 0.1; done; stty size; test -t 0 && echo terminal";
    using one = new CountingContainer({
      process: { terminal: true, args: ["sh", "-c", script], consoleSize: { height: 11, width: 22 } },
    });
    const name = id("terminal");
    using first = await TerminalReceiver.start(one.bundle.folder, one.path("first.sock"));
    expect(one.run("run", "--detach", "--console-socket", one.path("first.sock"), name).status).toBe(0);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name)).toMatchObject({ status: 0, stderr: "" });
    await first.end();
    using second = await TerminalReceiver.start(one.bundle.folder, one.path("second.sock"));
    const restore = ["restore", "--detach", "--image-path", one.path("images")];
    expect(one.run(...restore, name).stderr).toContain("without setting console socket");
    expect(one.run(...restore, "--console-socket", one.path("nobody.sock"), name).stderr).toContain("nobody.sock");
    expect(one.run(...restore, "--console-socket", one.path("second.sock"), name)).toMatchObject({
      status: 0,
      stderr: "",
    });
    writeFileSync(join(one.data, "go"), "");
    expect(await second.end()).toBe("/dev/ptmx\n11 22\r\nterminal\r\n");
  });

  test("a dump that fails leaves the container as it was", async () => {
    using one = new CountingContainer();
    const name = id("fails");
    await started(one, name);
    writeFileSync(one.path("file"), "");
    const failures = [
      [one.run("checkpoint", "--image-path", one.path("file"), name), "cannot make the folder for the images"],
      [one.run("checkpoint", "--manage-cgroups-mode", "odd", name), "--manage-cgroups-mode"],
      [one.run("checkpoint", "--page-server", "odd", name), "--page-server takes ADDRESS:PORT"],
      [one.run("checkpoint", "--empty-ns", "pid", name), "--empty-ns"],
    ] as const;
    for (const [{ status, stderr }, words] of failures)
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(words) });
    // A connection is dumped only where that is asked for.
    const isThere = (state: string): boolean => one.run("exec", name, "netstat", "-tan").stdout.includes(state);
    const isConnected = (): boolean => isThere("ESTABLISHED");
    // One that comes too early is refused, and its `sleep` keeps it from coming again.
    for (const [nc, state] of [
      ["nc -l -p 5000", "LISTEN"],
      ["nc 127.0.0.1 5000", "ESTABLISHED"],
    ] as const) {
      expect(one.run("exec", name, "sh", "-c", `(sleep 1000 | ${nc}) >/dev/null 2>&1 &`).status).toBe(0);
      await until(() => isThere(state), `a connection: ${state}`);
    }
    const { status, stderr } = one.run("checkpoint", "--image-path", one.path("images"), name);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("criu failed: Error (") });
    expect(stderr).toContain(`its log is ${one.path("images/dump.log")}`);
    await one.counts();
    expect(statusOf(one, name)).toBe("running");
    expect(groupsOf(name).some((path) => isFrozen(path))).toBe(false);
    const connected = ["--tcp-established", "--image-path", one.path("connected")];
    expect(one.run("checkpoint", ...connected, name)).toMatchObject({ status: 0, stderr: "" });
    await restored(one, ...connected, name);
    expect(isConnected()).toBe(true);
  });

  test("only who runs is checkpointed", async () => {
    using one = new CountingContainer();
    const name = id("created");
    expect(one.run("create", name).status).toBe(0);
    expect(one.run("checkpoint", name).stderr).toContain("Container cannot be checkpointed in created state");
    expect(one.run("kill", name, "KILL").status).toBe(0);
    await until(() => statusOf(one, name) === "stopped", "the end of a container");
    expect(one.run("checkpoint", name).stderr).toContain("Container cannot be checkpointed in stopped state");
    expect(one.run("checkpoint", id("none")).stderr).toContain("container does not exist");
  });

  test("a restore that fails leaves nothing", async () => {
    using one = new CountingContainer();
    const name = id("corrupt");
    await started(one, name);
    const missing = one.run("restore", "--detach", "--image-path", one.path("none"), id("other"));
    expect(missing).toMatchObject({ status: 1, stderr: expect.stringContaining("there is no checkpoint") });
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    const before = mounts(one);
    truncateSync(one.path("images/core-1.img"), 40);
    const restore = one.piped(
      "restore",
      "--detach",
      "--image-path",
      one.path("images"),
      "--pid-file",
      one.path("pid"),
      name,
    );
    expect(await restore.status()).toBe(1);
    expect(restore.output).toContain("cannot restore container");
    expect(restore.output).toContain(`its log is ${one.path("images/restore.log")}`);
    expect({ left: one.bundle.left(), groups: groupsOf(name), pid: existsSync(one.path("pid")) }).toEqual({
      left: [],
      groups: [],
      pid: false,
    });
    expect(mounts(one)).toEqual(before);
  });

  test("a restore's hooks mount for the host to see", async () => {
    const place = mkdtempSync(join(tmpdir(), "gantry-hook-"));
    const hook = { path: "/bin/sh", args: ["sh", "-c", `mount -t tmpfs gantry-test ${place}`], env: [`PATH=${PATH}`] };
    using one = new CountingContainer({ spec: { hooks: { createRuntime: [hook] } } });
    const name = id("hooks");
    const isMounted = (): boolean => hostMounts(place).some((line) => line.includes(place));
    await started(one, name);
    expect(spawnSync("umount", [place]).status).toBe(0);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    expect(isMounted()).toBe(false);
    await restored(one, "--image-path", one.path("images"), name);
    expect(isMounted()).toBe(true);
    spawnSync("umount", [place]);
    rmSync(place, { recursive: true });
  });

  test("a criu that is killed ends the restore, and nothing is left", async () => {
    // The oldest criu that the hook's runtime has started; there is none when the container is made first.
    const script = "pgrep -o -P $PPID criu | xargs -r kill -KILL";
    const hook = { path: "/bin/sh", args: ["sh", "-c", script], env: [`PATH=${PATH}`] };
    using one = new CountingContainer({ spec: { hooks: { createRuntime: [hook] } } });
    const name = id("no-criu");
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    const restore = one.piped("restore", "--detach", "--image-path", one.path("images"), name);
    expect(await restore.status()).toBe(1);
    expect(restore.output).toContain("criu gave no answer (signal SIGKILL)");
    expect({ left: one.bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
  });

  test("a release before did not write down what the streams were: the images have what they are", async () => {
    using one = new CountingContainer();
    const name = id("before");
    await started(one, name);
    const file = join(one.bundle.root, name, "state.json");
    const { descriptors, ...before } = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify(before));
    expect(one.run("checkpoint", "--image-path", one.path("images"), name)).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(readFileSync(one.path("images/descriptors.json"), "utf8"))).toEqual(descriptors);
  });

  test("an images' folder of a stranger's gives no descriptor of ours away, and overwrites nothing", async () => {
    using one = new CountingContainer();
    const name = id("hostile");
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    const restore = ["restore", "--detach", "--image-path", one.path("images")];
    const list = one.path("images/descriptors.json");
    const own = readFileSync(list, "utf8");
    writeFileSync(list, JSON.stringify(["", "", "", "pipe:[1]"]));
    const refused = one.run(...restore, name);
    expect({ ...refused, left: one.bundle.left() }).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining("is not a list of at most 3 texts"),
      left: [],
    });
    writeFileSync(list, own);
    writeFileSync(one.path("precious"), "kept");
    symlinkSync(one.path("precious"), one.path("images/restore.log"));
    await restored(one, "--image-path", one.path("images"), name);
    expect(readFileSync(one.path("precious"), "utf8")).toBe("kept");
  });

  test("who cannot stay in the foreground leaves nothing", async () => {
    using one = new CountingContainer();
    const name = id("stay");
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name).status).toBe(0);
    // Too little for the helper, which comes in its place.
    const command = ["prlimit", "--fsize=100000", "--", ...one.bundle.command, "--root", one.bundle.root, "restore"];
    const restore = new PipedCommand([...command, "--image-path", one.path("images"), name], {
      folder: one.bundle.folder,
      cwd: one.bundle.bundle,
    });
    expect(await restore.status()).toBe(1);
    expect(restore.output).toContain("EFBIG");
    expect({ left: one.bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
  });

  test("images are runc's too, both ways", async () => {
    using one = new CountingContainer();
    const name = id("runc");
    const root = one.path("runc");
    const runc = (...args: readonly string[]) =>
      new PipedCommand(["runc", "--root", root, ...args], { folder: one.bundle.folder, cwd: one.bundle.bundle });
    try {
      await started(one, name);
      expect(one.run("checkpoint", "--image-path", one.path("ours"), name).status).toBe(0);
      const theirs = runc("restore", "--detach", "--image-path", one.path("ours"), name);
      expect({ status: await theirs.status(), output: theirs.output.replace(/count \d+\n/g, "") }).toEqual({
        status: 0,
        output: "",
      });
      await one.counts();
      expect(await runc("delete", "--force", name).status()).toBe(0);

      expect(await runc("run", "--detach", name).status()).toBe(0);
      await one.counts();
      expect(await runc("checkpoint", "--image-path", one.path("theirs"), name).status()).toBe(0);
      const stoppedAt = one.count;
      await restored(one, "--image-path", one.path("theirs"), name);
      expect(await one.counts()).toBeGreaterThan(stoppedAt);
    } finally {
      await runc("delete", "--force", name).status();
    }
  });

  test("a killed dump leaves a container that goes on, and a killed restore one that can be deleted", async () => {
    using one = new CountingContainer();
    const name = id("killed");
    const start = (...args: readonly string[]) => {
      const [program = "", ...rest] = [...one.bundle.command, "--root", one.bundle.root, ...args];
      const child = spawn(program, rest, { cwd: one.bundle.bundle, stdio: "ignore" });
      return { child, ended: new Promise((resolve) => child.once("exit", resolve)) };
    };
    await started(one, name);
    const dump = start("checkpoint", "--image-path", one.path("cut"), name);
    await until(() => existsSync(one.path("cut/dump.log")), "a dump");
    dump.child.kill("SIGKILL");
    await dump.ended;
    await until(() => !groupsOf(name).some(isFrozen), "the end of criu");
    await one.counts();
    expect(statusOf(one, name)).toBe("running");
    expect(one.run("checkpoint", "--image-path", one.path("images"), name)).toMatchObject({ status: 0, stderr: "" });

    const before = mountPoints(one);
    const restore = start("restore", "--detach", "--image-path", one.path("images"), name);
    await until(() => existsSync(one.path("images/restore.log")), "a restore");
    restore.child.kill("SIGKILL");
    await restore.ended;
    expect(one.run("delete", "--force", name)).toMatchObject({ status: 0, stderr: "" });
    expect({ left: one.bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
    // criu's change to the options of v2 control groups would be undone by who was killed.
    expect(mountPoints(one)).toEqual(before);
  });

  test("a user namespace, and groups of a cgroup namespace", async () => {
    const ids = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const namespaces = (["pid", "mount", "ipc", "uts", "network", "cgroup", "user"] as const).map((type) => ({ type }));
    const linux = { namespaces, uidMappings: ids, gidMappings: ids, maskedPaths: ["/proc/kcore"] };
    using one = new CountingContainer({ spec: { linux } });
    const name = id("users");
    mkdirSync(join(one.bundle.bundle, "rootfs/data"));
    for (const folder of [one.bundle.folder, one.data]) chmodSync(folder, 0o777);
    await started(one, name);
    expect(one.run("checkpoint", "--image-path", one.path("images"), name)).toMatchObject({ status: 0, stderr: "" });
    chmodSync(one.path("images"), 0o700);
    const refused = one.run("restore", "--detach", "--image-path", one.path("images"), name);
    expect(refused.stderr).toContain("chmod 711 lets it in");
    chmodSync(one.path("images"), 0o711);
    const stoppedAt = one.count;
    await restored(one, "--image-path", one.path("images"), name);
    expect(await one.counts()).toBeGreaterThan(stoppedAt);
    expect(one.run("exec", name, "cat", "/proc/self/cgroup").stdout).toContain(":/\n");
  });
});

describe.skipIf(runtimeSkipReason() !== undefined)("checkpoint and restore that cannot be", () => {
  test("are refused without criu and without root's rights, and change nothing", () => {
    using bundle = new RuntimeBundle();
    const name = id("refused");
    bundle.write({ process: { args: ["sleep", "1000"] } });
    expect(bundle.run("run", "--detach", name).status).toBe(0);
    const images = join(bundle.folder, "images");
    const call = (prefix: readonly string[], ...args: readonly string[]) =>
      spawnSync("env", [...prefix, ...bundle.command, "--root", bundle.root, ...args], {
        cwd: bundle.bundle,
        encoding: "utf8",
      });
    const paths = ["--image-path", images, "--work-path", images];
    const without = call(["PATH=/nonesuch"], "checkpoint", ...paths, name);
    expect({ status: without.status, stderr: without.stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining("criu is not installed: there is none in $PATH"),
    });
    const restore = call(["PATH=/nonesuch"], "restore", ...paths, "--detach", id("other"));
    expect({ status: restore.status, stderr: restore.stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining("criu is not installed"),
    });
    expect({ hasImages: existsSync(images), left: bundle.left() }).toEqual({ hasImages: false, left: [name] });
    expect(JSON.parse(bundle.run("state", name).stdout).status).toBe("running");
  });
});
