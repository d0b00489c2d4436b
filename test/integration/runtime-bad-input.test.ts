import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason();
const id = (name: string): string => `gantry-test-${process.pid}-${name}`;
const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const KILLS = 40;

/** Folders of a name in any hierarchy of control groups. In one look, which does not mind that those of others go meanwhile. */
function groupsOf(name: string): string[] {
  const paths = readdirSync("/sys/fs/cgroup", { recursive: true, encoding: "utf8" });
  return paths.filter((path) => basename(path) === name);
}

describe.skipIf(skip !== undefined)("bad input: one sentence, runc's status, nothing left", () => {
  const refused = (bundle: RuntimeBundle, args: readonly string[], words: string): void => {
    const { status, stdout, stderr } = bundle.run(...args);
    expect(stderr).toContain(words);
    expect({ status, stdout, lines: stderr.trimEnd().split("\n").length, left: bundle.left() }).toEqual({
      status: 1,
      stdout: "",
      lines: 1,
      left: [],
    });
  };

  test("config.json", () => {
    using bundle = new RuntimeBundle();
    const config = join(bundle.bundle, "config.json");
    writeFileSync(config, "{");
    refused(bundle, ["create", id("bad")], "config.json is not JSON");
    writeFileSync(config, '{"ociVersion":"1.0.0","root":{"path":7}}');
    refused(bundle, ["create", id("bad")], "root.path: found 7, expected a string");
    bundle.write({ ociVersion: "2.0.0" });
    refused(bundle, ["create", id("bad")], "ociVersion: version 2.0.0 is not supported, only 1.x");
    rmSync(config);
    refused(bundle, ["create", id("bad")], "config.json not found");
    refused(bundle, ["run", "--bundle", "/nonesuch", id("bad")], "config.json not found");
  });

  test("a bundle without a root filesystem", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ root: { path: "nonesuch" } });
    refused(bundle, ["run", id("rootfs")], "invalid rootfs: stat ");
  });

  test("a root filesystem behind a symbolic link; a bundle behind one is taken", () => {
    using bundle = new RuntimeBundle();
    const words = "invalid rootfs: a symbolic link leads from ";
    symlinkSync("rootfs", join(bundle.bundle, "link"));
    symlinkSync("bundle", join(bundle.folder, "bundle-link"));
    bundle.write({ root: { path: "link" } });
    refused(bundle, ["run", id("link")], words);
    bundle.write({ root: { path: join(bundle.folder, "bundle-link/rootfs") } });
    refused(bundle, ["run", id("link")], words);
    bundle.write({});
    expect(bundle.run("run", "--bundle", join(bundle.folder, "bundle-link"), id("link"))).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  test.each(["a/b", "..", ".", "", "a b", "ü"])("the id %p", (bad) => {
    using bundle = new RuntimeBundle();
    refused(bundle, ["create", "--", bad], "invalid container ID format");
    expect(bundle.run("state", "--", bad)).toMatchObject({ status: 1 });
  });

  test("nobody's id", () => {
    using bundle = new RuntimeBundle();
    for (const command of ["state", "start", "kill", "delete", "ps", "pause", "resume", "update", "events"])
      refused(bundle, [command, id("nobody")], "container does not exist");
    expect(bundle.run("exec", id("nobody"), "true")).toMatchObject({ status: 255 });
    expect(bundle.run("delete", "--force", id("nobody"))).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("update of a container that has stopped", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ process: { args: ["true"] } });
    expect(bundle.run("run", "--keep", id("stopped")).status).toBe(0);
    const { status, stderr } = bundle.run("update", "--pids-limit", "50", id("stopped"));
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("container not running") });
    expect(bundle.run("delete", id("stopped")).status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });

  test("flags and commands", () => {
    using bundle = new RuntimeBundle();
    refused(bundle, ["create", "--bogus", "x"], "flag provided but not defined: -bogus");
    refused(bundle, ["create"], "requires exactly 1 argument");
    refused(bundle, ["--log-format", "xml", "list"], "invalid log-format");
    expect(bundle.run("bogus").status).toBe(3);
  });

  test("a log that cannot be written, before anything begins", () => {
    using bundle = new RuntimeBundle();
    for (const log of ["/nonesuch/log", bundle.bundle])
      refused(bundle, ["--log", log, "run", id("log")], `cannot open the log ${log}: `);
  });

  test("a root that cannot hold a state", () => {
    using bundle = new RuntimeBundle();
    for (const root of ["/dev/null", "/proc/nonesuch"])
      refused(bundle, ["--root", root, "create", id("root")], "cannot make the state folder ");
    expect(groupsOf(id("root"))).toEqual([]);
  });

  test("what a step of the plan refuses", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ linux: { namespaces: [{ type: "mount" }, { type: "network", path: "/nonesuch" }] } });
    refused(bundle, ["create", id("step")], "/nonesuch");
    bundle.write({ process: { cwd: "/bin/busybox/x" } });
    refused(bundle, ["create", id("step")], "working directory");
    expect(groupsOf(id("step"))).toEqual([]);
  });

  test("a state that is not ours is told, and deleted by force", () => {
    using bundle = new RuntimeBundle();
    mkdirSync(join(bundle.root, id("strange")), { recursive: true });
    writeFileSync(join(bundle.root, id("strange"), "state.json"), "no");
    expect(bundle.run("state", id("strange")).stderr).toContain("cannot be read");
    expect(bundle.run("delete", "--force", id("strange")).status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });

  test(`a create that is killed, at ${KILLS} moments, leaves nothing that delete --force does not remove`, async () => {
    using bundle = new RuntimeBundle();
    const name = id("killed");
    bundle.write({ process: { args: ["sleep", "1000"] } });
    const begin = performance.now();
    bundle.run("create", name);
    const wholeMs = performance.now() - begin;
    bundle.run("delete", "--force", name);
    for (let round = 0; round < KILLS; round++) {
      const child = spawn(process.execPath, [MAIN, "runtime", "--root", bundle.root, "create", name], {
        cwd: bundle.bundle,
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await Bun.sleep((wholeMs * (round + 1)) / KILLS);
      child.kill("SIGKILL");
      await ended;
      expect(bundle.run("delete", "--force", name)).toEqual({ status: 0, stdout: "", stderr: "" });
      expect({ left: bundle.left(), groups: groupsOf(name) }).toEqual({ left: [], groups: [] });
    }
  }, 120_000);
});
