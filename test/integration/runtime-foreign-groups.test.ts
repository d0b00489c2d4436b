import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectCgroups } from "../../src/linux/cgroupfs/index.ts";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason() ?? (Bun.which("strace") === null ? "needs strace" : undefined);
const id = (name: string): string => `gantry-foreign-${process.pid}-${name}`;
const foldersOf = (name: string): string[] => detectCgroups().mounts.map((one) => join(one.mountPoint, name));
const there = (name: string): string[] => foldersOf(name).filter(existsSync);
const isMarked = (folder: string): boolean => (statSync(folder).mode & 0o1000) !== 0;

const strangers: ChildProcess[] = [];
const names: string[] = [];
afterEach(async () => {
  for (const stranger of strangers.splice(0)) {
    const ended = new Promise((resolve) => stranger.once("exit", resolve));
    if (stranger.kill("SIGKILL")) await ended;
  }
  for (const name of names.splice(0)) for (const folder of there(name)) rmdirSync(folder);
});

/** A bundle whose groups are `/NAME`. */
function bundleIn(name: string, args: readonly string[] = ["true"]): RuntimeBundle {
  const bundle = new RuntimeBundle();
  const namespaces = (["pid", "mount"] as const).map((type) => ({ type }));
  bundle.write({ process: { args }, linux: { namespaces, cgroupsPath: `/${name}` } });
  names.push(name);
  return bundle;
}

/** Groups as another program makes them; in cpusets nobody can be without processors. */
function makeForeign(name: string): void {
  for (const folder of foldersOf(name)) {
    mkdirSync(folder, { recursive: true });
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      if (existsSync(join(folder, "cpuset.cpu_exclusive")))
        writeFileSync(join(folder, file), readFileSync(join(folder, "..", file), "utf8"));
  }
}

function strangerIn(name: string): ChildProcess {
  const stranger = spawn("sleep", ["1000"], { stdio: "ignore" });
  strangers.push(stranger);
  for (const folder of foldersOf(name))
    writeFileSync(join(folder, "cgroup.procs"), String(stranger.pid), { flag: "r+" });
  return stranger;
}

/** `create`, which is killed as it begins one of such system calls, on a path or wherever. */
function createKilledAt(
  bundle: RuntimeBundle,
  name: string,
  call: { readonly names: string; readonly nth?: number; readonly path?: string },
): void {
  const kill = ["-e", `trace=${call.names}`, "-e", `inject=${call.names}:signal=KILL:when=${call.nth ?? 1}`];
  const where = call.path === undefined ? [] : ["-P", call.path];
  const command = [...bundle.command, "--root", bundle.root, "create", name];
  const { signal, error } = spawnSync("strace", ["-f", "-o", "/dev/null", ...kill, ...where, ...command], {
    cwd: bundle.bundle,
    encoding: "utf8",
    stdio: "ignore",
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  expect({ signal, error }).toEqual({ signal: "SIGKILL", error: undefined });
}

const DONE = { status: 0, stdout: "", stderr: "" };

describe.skipIf(skip !== undefined)("control groups that were not made for the container", () => {
  test.each(["run", "create"])("stay when it goes, after %s", (command) => {
    const name = id("stay");
    using bundle = bundleIn(name);
    makeForeign(name);
    expect(bundle.run(command, name)).toEqual(DONE);
    expect(bundle.run("delete", "--force", name)).toEqual(DONE);
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [], groups: foldersOf(name) });
  });

  test("stay when it cannot be made", () => {
    const name = id("fails");
    using bundle = bundleIn(name, ["nonesuch"]);
    makeForeign(name);
    expect(bundle.run("create", name).status).toBe(1);
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [], groups: foldersOf(name) });
  });

  test("are left alone, with who is in them, after a create that was killed before it made any", () => {
    const name = id("before");
    using bundle = bundleIn(name);
    createKilledAt(bundle, name, { names: "mkdir,mkdirat", path: foldersOf(name)[0] ?? "" });
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [name], groups: [] });
    makeForeign(name);
    const stranger = strangerIn(name);
    expect(bundle.run("kill", "--all", name, "KILL").status).toBe(0);
    expect(bundle.run("delete", "--force", name)).toEqual(DONE);
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [], groups: foldersOf(name) });
    expect(readFileSync(`/proc/${stranger.pid}/stat`, "utf8")).toContain("(sleep) S");
  });

  test("are left alone when they are empty, too", () => {
    const name = id("empty");
    using bundle = bundleIn(name);
    createKilledAt(bundle, name, { names: "mkdir,mkdirat", path: foldersOf(name)[0] ?? "" });
    makeForeign(name);
    expect(bundle.run("delete", name)).toEqual(DONE);
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [], groups: foldersOf(name) });
  });
});

describe.skipIf(skip !== undefined)("control groups that were made for the container", () => {
  test("go with it when its create was killed before that was written down", () => {
    const name = id("made");
    using bundle = bundleIn(name);
    // The state's second time, which tells of the groups.
    createKilledAt(bundle, name, { names: "rename,renameat,renameat2", nth: 2 });
    const groups = foldersOf(name);
    expect({ groups: there(name), marked: there(name).filter(isMarked) }).toEqual({ groups, marked: groups });
    expect(bundle.run("delete", "--force", name)).toEqual(DONE);
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [], groups: [] });
  });

  test("go with it when its create was killed after, and have no mark", () => {
    const name = id("known");
    using bundle = bundleIn(name);
    createKilledAt(bundle, name, { names: "mknod,mknodat", path: join(bundle.root, name, "exec.fifo") });
    const groups = foldersOf(name);
    expect({ groups: there(name), marked: there(name).filter(isMarked) }).toEqual({ groups, marked: [] });
    expect(bundle.run("delete", "--force", name)).toEqual(DONE);
    expect({ left: bundle.left(), groups: there(name) }).toEqual({ left: [], groups: [] });
  });
});
