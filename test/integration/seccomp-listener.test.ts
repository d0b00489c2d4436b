import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Process, Seccomp } from "../../src/oci/runtime-spec.ts";
import { type Plan, planExec, type SeccompFilter } from "../../src/runtime/plan/index.ts";
import { compileSeccomp, type ListenerState, planListener } from "../../src/runtime/seccomp/index.ts";
import { buildSeccompAgent, SeccompAgent } from "../support/seccomp-agent.ts";
import { collect, Fixture } from "./supervise-fixture.ts";

const canRun = process.arch === "x64" && Bun.which("cc") !== null;
const NAMESPACES = ["mount", "network", "uts", "pid", "ipc", "cgroup"] as const;
const STATE: ListenerState = { ociVersion: "1.3.0", id: "box", status: "creating", bundle: "/b", annotations: {} };
/** Busybox's `mkdir` is one of the two; the rest is what init itself calls between the filter and the program. */
const ASKED = ["mkdir", "mkdirat", "read", "close", "close_range", "execve", "sendmsg", "wait4", "chdir", "setresuid"];

describe.skipIf(!canRun)("a filter that asks an agent", () => {
  let fixture: Fixture;
  let count = 0;

  beforeAll(() => {
    fixture = new Fixture();
    buildSeccompAgent(fixture.path("agent"));
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  function startAgent(options: { readonly isDeaf?: boolean } = {}): Promise<SeccompAgent> {
    return SeccompAgent.start(fixture.path("agent"), { ...options, path: fixture.path(`agent-${count++}`) });
  }

  function filter(path: string, state: ListenerState = STATE): SeccompFilter {
    const profile: Seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: path,
      listenerMetadata: "for tests",
      syscalls: [{ names: ASKED, action: "SCMP_ACT_NOTIFY" }],
    };
    const listener = planListener(profile, state);
    return { ...compileSeccomp(profile, { arch: "x86_64" }), ...(listener && { listener }) };
  }

  function plan(
    script: string,
    options: { readonly path: string; readonly process?: Partial<Process>; readonly init?: boolean },
  ): Plan {
    const spec = fixture.spec(["sh", "-c", script], {}, options.process);
    return fixture.plan(spec, { seccomp: filter(options.path), init: options.init ?? false });
  }

  const SCRIPT = "mkdir /a; ls -d /a; ls /proc/$$/fd; true";

  for (const [name, process, init] of [
    ["with all its rights", {}, false],
    ["with no_new_privs and as another user", { noNewPrivileges: true, user: { uid: 7, gid: 7 } }, false],
    ["below an init", {}, true],
  ] as const) {
    test(`a container ${name}: the agent gets state and listener, and decides`, async () => {
      using agent = await startAgent();
      const monitor = await fixture.launch(fixture.options(plan(SCRIPT, { path: agent.path, process, init })));
      await monitor.ready();
      const { output } = await monitor.attach({ stdin: false, stdout: true, stderr: true });
      const collected = collect(output);
      await monitor.start();
      const { pid } = monitor.init;
      expect(JSON.parse(await agent.line())).toEqual({
        ociVersion: "1.3.0",
        fds: ["seccompFd"],
        pid,
        metadata: "for tests",
        state: { ...STATE, pid },
      });
      // One descriptor, and nothing after the one message.
      expect(await agent.line()).toBe("1 0");
      await monitor.exited;
      const { stdout, stderr } = await collected;
      expect(stderr).toBe("mkdir: can't create directory '/a': Network is down\nls: /a: No such file or directory\n");
      expect(stdout).toBe("0\n1\n2\n");
    });
  }

  test("a process that joins has a listener of its own", async () => {
    using agent = await startAgent();
    const container = await fixture.launch(fixture.options(fixture.plan(fixture.spec(["sleep", "100"]))));
    await container.start();
    const { pid, startTime } = container.init;
    const seccomp = filter(agent.path, { ...STATE, status: "running", pid });
    const exec = await fixture.launch(
      fixture.options(
        planExec(fixture.process(["mkdir", "/a"]), { pid, startTime, namespaces: NAMESPACES, cgroups: [], seccomp }),
      ),
    );
    await exec.start();
    const state = JSON.parse(await agent.line());
    expect([state.pid, state.state.pid, state.state.status]).toEqual([exec.init.pid, pid, "running"]);
    expect((await exec.exited).exitCode).toBe(1);
  });

  test("without an agent there is no container", async () => {
    const path = fixture.path("nobody");
    const options = fixture.options(plan("true", { path }));
    const launched = fixture.launch(options).then(async (monitor) => {
      await monitor.start();
    });
    await expect(launched).rejects.toThrow(
      `cannot connect to the seccomp agent at ${path}: ENOENT: no such file or directory`,
    );
  });

  test("an agent that does not take the listener ends the start", async () => {
    using agent = await startAgent({ isDeaf: true });
    const monitor = await fixture.launch(fixture.options(plan("true", { path: agent.path })));
    await monitor.ready();
    await expect(monitor.start()).rejects.toThrow(
      "cannot install the seccomp filter: the agent has not taken its listener",
    );
    expect((await monitor.exited).exitCode).not.toBe(0);
  });
});
