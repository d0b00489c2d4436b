import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Seccomp } from "../../src/oci/runtime-spec.ts";
import { buildProbe } from "../support/probe.ts";
import { RUNTIMES, RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";
import { buildSeccompAgent, SeccompAgent } from "../support/seccomp-agent.ts";

const canRun = runtimeSkipReason() === undefined && process.arch === "x64" && Bun.which("cc") !== null;

/** By number, as `probe call` takes them; each does no harm where it goes through. */
const CALLS = {
  sync: 162,
  times: 100,
  getpgid: 121,
  getsid: 124,
  sched_yield: 24,
  getpriority: 140,
  mkdir: 83,
} as const;

const PROFILE: Seccomp = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    { names: ["sync"], action: "SCMP_ACT_ERRNO" },
    {
      names: ["getpriority"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 18,
      args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }],
    },
    { names: ["times"], action: "SCMP_ACT_TRAP" },
    { names: ["getpgid"], action: "SCMP_ACT_KILL_PROCESS" },
    { names: ["getsid"], action: "SCMP_ACT_KILL_THREAD" },
    { names: ["sched_yield"], action: "SCMP_ACT_TRACE" },
  ],
};

/** The line that the kernel writes for a call that is logged: include/linux/audit.h, AUDIT_SECCOMP. */
function loggedCalls(pid: number): readonly string[] {
  const { stdout } = spawnSync("dmesg", { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line.includes("type=1326") && line.includes(` pid=${pid} `));
}

describe.skipIf(!canRun)("a program under a seccomp profile", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "gantry-seccomp-"));
    await buildProbe(folder);
    buildSeccompAgent(join(folder, "agent"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each(RUNTIMES)("of %s", (runtime, command) => {
    const id = (name: string): string => `gantry-test-${process.pid}-${runtime.split(" ")[0]}-${name}`;

    /** A bundle whose process waits, or makes calls. */
    function bundleWith(
      seccomp: Seccomp,
      args: readonly string[],
      annotations: Record<string, string> = {},
    ): RuntimeBundle {
      const bundle = new RuntimeBundle([...command]);
      copyFileSync(join(folder, "probe"), join(bundle.bundle, "rootfs/bin/probe"));
      bundle.write({
        process: { args },
        annotations,
        linux: { namespaces: [{ type: "pid" }, { type: "mount" }], seccomp },
      });
      return bundle;
    }

    const call = (name: keyof typeof CALLS, ...words: readonly number[]): string =>
      [name, CALLS[name], ...words].join(" ");
    const EVERY = [
      "probe",
      "call",
      ...[call("sync"), call("getpriority", 1), call("getpriority", 0)],
      ...[call("times"), call("getpgid"), call("getsid"), call("sched_yield")],
    ];
    const OUTCOMES = [
      "sync EPERM",
      "getpriority EXDEV",
      "getpriority ok",
      "times signal 31",
      "getpgid signal 31",
      "getsid signal 31",
      "sched_yield ENOSYS",
      "",
    ].join("\n");

    test("sees errors, signals and what goes through, as the profile says", () => {
      using bundle = bundleWith(PROFILE, EVERY);
      expect(bundle.run("run", id("actions"))).toEqual({ status: 0, stdout: OUTCOMES, stderr: "" });
    });

    test("that joins a container is under the same one", () => {
      using bundle = bundleWith(PROFILE, ["sleep", "1000"]);
      expect(bundle.run("run", "--detach", id("joins")).status).toBe(0);
      expect(bundle.run("exec", id("joins"), ...EVERY)).toEqual({ status: 0, stdout: OUTCOMES, stderr: "" });
    });

    // An audit daemon takes the lines, and dmesg has none.
    test.skipIf(existsSync("/run/auditd.pid"))("makes a logged call, and the kernel's log has it", () => {
      const profile: Seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["sync"], action: "SCMP_ACT_LOG" }],
      };
      // In the host's numbers, which the log speaks of.
      using bundle = new RuntimeBundle([...command]);
      bundle.write({
        process: { args: ["sh", "-c", "echo $$; exec busybox sync"] },
        linux: { namespaces: [{ type: "mount" }], seccomp: profile },
      });
      const { status, stdout, stderr } = bundle.run("run", id("log"));
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(loggedCalls(Number(stdout))).toEqual([expect.stringMatching(/ syscall=162 .* code=0x7ffc0000$/)]);
    });

    test("asks an agent, which gets the listener and the container's state", async () => {
      const path = join(folder, `${runtime.split(" ")[0]}.sock`);
      using agent = await SeccompAgent.start(join(folder, "agent"), { path });
      const profile: Seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: path,
        listenerMetadata: "for tests",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
      };
      using bundle = bundleWith(profile, ["sh", "-c", "mkdir /a; exec sleep 1000"], { color: "blue" });
      const pidFile = join(bundle.folder, "pid");
      expect(bundle.run("run", "--detach", "--pid-file", pidFile, id("agent")).status).toBe(0);
      const pid = Number(readFileSync(pidFile, "utf8"));
      const state = {
        ociVersion: expect.any(String),
        id: id("agent"),
        bundle: bundle.bundle,
        annotations: { color: "blue" },
      };
      expect(JSON.parse(await agent.line())).toEqual({
        ociVersion: expect.any(String),
        fds: ["seccompFd"],
        pid,
        metadata: "for tests",
        state: { ...state, status: "creating", pid },
      });
      // One descriptor, and nothing after the one message.
      expect(await agent.line()).toBe("1 0");
      const joined = bundle.run("exec", id("agent"), "mkdir", "/b");
      expect({ ...joined, stdout: "" }).toEqual({
        status: 1,
        stdout: "",
        stderr: "mkdir: can't create directory '/b': Network is down\n",
      });
      expect(JSON.parse(await agent.line())).toMatchObject({
        metadata: "for tests",
        state: { status: "running", pid },
      });
    });

    test("does not begin without its agent, and nothing is left", () => {
      const profile: Seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: join(folder, "nobody.sock"),
        syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
      };
      using bundle = bundleWith(profile, ["true"]);
      const { status, stderr } = bundle.run("run", id("alone"));
      expect(status).toBe(1);
      expect(stderr).toContain("nobody.sock");
      expect(bundle.left()).toEqual([]);
    });
  });
});
