import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Hook, Hooks } from "../../src/oci/runtime-spec.ts";
import { RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const skip = runtimeSkipReason();
const id = (name: string): string => `gantry-test-${process.pid}-${name}`;

/** Notes the name and the state that it is given; in the container's namespaces too, where the bundle is out of sight. */
function noting(bundle: RuntimeBundle, name: string): Hook {
  const target = name === "startContainer" ? "/tmp/notes" : join(bundle.folder, "notes");
  return {
    path: "/bin/sh",
    args: ["sh", "-c", `read -r state; echo "${name} $state" >>${target}`],
    env: ["PATH=/bin"],
  };
}

describe.skipIf(skip !== undefined)("hooks", () => {
  test("each runs once, in order, and is told the state of its moment", async () => {
    using bundle = new RuntimeBundle();
    const kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;
    const hooks: Hooks = Object.fromEntries(kinds.map((kind) => [kind, [noting(bundle, kind)]]));
    bundle.write({ process: { args: ["sleep", "1000"] }, hooks });
    const read = (): { kind: string; status: string; pid: number }[] =>
      readFileSync(join(bundle.folder, "notes"), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => {
          const [kind = ""] = line.split(" ", 1);
          const state = JSON.parse(line.slice(kind.length + 1));
          expect(state).toMatchObject({ ociVersion: "1.2.0", id: id("hooks"), bundle: bundle.bundle });
          return { kind, status: state.status, pid: state.pid };
        });
    expect(bundle.run("create", id("hooks"))).toEqual({ status: 0, stdout: "", stderr: "" });
    const { pid } = JSON.parse(bundle.run("state", id("hooks")).stdout);
    expect(read()).toEqual([
      { kind: "prestart", status: "creating", pid },
      { kind: "createRuntime", status: "creating", pid },
      { kind: "createContainer", status: "creating", pid: expect.any(Number) },
    ]);
    expect(bundle.run("start", id("hooks"))).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(readFileSync(join(bundle.bundle, "rootfs/tmp/notes"), "utf8")).toContain('"status":"created"');
    expect(bundle.run("delete", "--force", id("hooks")).status).toBe(0);
    expect(read().slice(3)).toEqual([
      { kind: "poststart", status: "running", pid },
      { kind: "poststop", status: "stopped", pid: undefined as never },
    ]);
  });

  test("one that fails ends the creation with its words, and nothing is left", () => {
    using bundle = new RuntimeBundle();
    const hook: Hook = { path: "/bin/sh", args: ["sh", "-c", "echo no network >&2; exit 3"] };
    bundle.write({ hooks: { createRuntime: [hook] } });
    const { status, stderr } = bundle.run("create", id("fails"));
    expect({ status, left: bundle.left() }).toEqual({ status: 1, left: [] });
    expect(stderr).toContain("cannot run the hook hooks.createRuntime[0] (/bin/sh): exit status 3: no network");
  });

  test("poststart may print megabytes, and leave a daemon that keeps its streams", () => {
    using bundle = new RuntimeBundle();
    using left = new DisposableStack();
    const pid = join(bundle.folder, "pid");
    left.defer(() => existsSync(pid) && process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL"));
    const script = `head -c 3000000 /dev/zero; sleep 1000 & echo $! >${pid}`;
    const hook: Hook = { path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/usr/bin:/bin"], timeout: 20 };
    bundle.write({ process: { args: ["sleep", "1000"] }, hooks: { poststart: [hook] } });
    expect(bundle.run("create", id("prints"))).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(bundle.run("start", id("prints"))).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(JSON.parse(bundle.run("state", id("prints")).stdout)).toMatchObject({ status: "running" });
    expect(bundle.run("delete", "--force", id("prints")).status).toBe(0);
    expect(bundle.left()).toEqual([]);
  });

  test("one that hangs is ended when its time is over", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ hooks: { prestart: [{ path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1 }] } });
    const { status, stderr } = bundle.run("run", id("hangs"));
    expect({ status, left: bundle.left() }).toEqual({ status: 1, left: [] });
    expect(stderr).toContain("it took longer than 1000 ms");
  });

  test("poststop's failure is warned of", () => {
    using bundle = new RuntimeBundle();
    bundle.write({ hooks: { poststop: [{ path: "/bin/false" }] } });
    const { status, stderr } = bundle.run("run", id("poststop"));
    expect({ status, left: bundle.left() }).toEqual({ status: 0, left: [] });
    expect(stderr).toContain("level=warning");
  });
});
