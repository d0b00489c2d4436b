import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Linux, Process } from "../../src/oci/runtime-spec.ts";
import { type ContainerPlanOptions, planExec } from "../../src/runtime/plan/index.ts";
import { Fixture } from "./supervise-fixture.ts";

const KINDS = ["pid", "network", "ipc", "uts", "mount"] as const;

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const sh = (script: string): string[] => ["sh", "-c", script];
const namespaces = KINDS.map((type) => ({ type }));

/** Starts a container that stays, looks at it from outside, and ends it. */
async function look<T>(
  process: Partial<Process>,
  linux: Linux,
  read: (pid: number) => T,
  options: Partial<ContainerPlanOptions> = {},
): Promise<T> {
  const spec = fixture.spec(["cat"], { linux: { namespaces, ...linux } }, process);
  const monitor = await fixture.launch(fixture.options(fixture.plan(spec, options), { openStdin: true }));
  await monitor.start();
  try {
    return read(monitor.init.pid);
  } finally {
    globalThis.process.kill(monitor.init.pid, "SIGKILL");
    await monitor.exited;
  }
}

const run = (...args: readonly string[]): string =>
  spawnSync(args[0] as string, args.slice(1), { encoding: "utf8" }).stdout;

describe("a process has of the kernel's attributes what its specification says", () => {
  test("a scheduling policy with its priority, and an I/O priority", async () => {
    const seen = await look(
      {
        scheduler: { policy: "SCHED_FIFO", priority: 7, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
        ioPriority: { class: "IOPRIO_CLASS_RT", priority: 3 },
      },
      {},
      (pid) => [run("chrt", "--pid", `${pid}`), run("ionice", "--pid", `${pid}`)],
    );
    expect(seen[0]).toContain("SCHED_FIFO|SCHED_RESET_ON_FORK");
    expect(seen[0]).toContain("scheduling priority: 7");
    expect(seen[1]).toBe("realtime: prio 3\n");
  });

  test("a nice value, and a deadline", async () => {
    const nice = await look({ scheduler: { policy: "SCHED_BATCH", nice: 5 } }, {}, (pid) => [
      run("chrt", "--pid", `${pid}`).includes("SCHED_BATCH"),
      readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[16],
    ]);
    expect(nice).toEqual([true, "5"]);
    const deadline = await look(
      { scheduler: { policy: "SCHED_DEADLINE", runtime: 1_000_000, deadline: 20_000_000, period: 40_000_000 } },
      {},
      (pid) => run("chrt", "--pid", `${pid}`),
    );
    expect(deadline).toContain("1000000/20000000/40000000");
  });

  test("a personality, a memory policy, a mask, an OOM score, and limits", async () => {
    const seen = await look(
      {
        user: { uid: 0, gid: 0, umask: 0o27, additionalGids: [4, 20] },
        oomScoreAdj: 77,
        rlimits: [
          { type: "RLIMIT_NOFILE", soft: 99, hard: 100 },
          { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        ],
      },
      {
        personality: { domain: "LINUX32" },
        memoryPolicy: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
      },
      (pid) => {
        const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, "utf8");
        return {
          personality: read("personality").trim(),
          memory: read("numa_maps").split("\n")[0]?.split(" ")[1],
          umask: /^Umask:\s*(.*)$/m.exec(read("status"))?.[1],
          groups: /^Groups:\s*(.*?)\s*$/m.exec(read("status"))?.[1],
          oom: read("oom_score_adj").trim(),
          files: /^Max open files +(\d+) +(\d+)/m.exec(read("limits"))?.slice(1),
          core: /^Max core file size +(\d+) +(\d+)/m.exec(read("limits"))?.slice(1),
        };
      },
    );
    expect(seen).toEqual({
      personality: "00000008",
      memory: "bind=static:0",
      umask: "0027",
      groups: "4 20",
      oom: "77",
      files: ["99", "100"],
      core: ["0", "0"],
    });
  });

  test("five sets of capabilities; one that nobody knows is left out", async () => {
    const kill = ["CAP_KILL"];
    const net = ["CAP_KILL", "CAP_NET_RAW"];
    const seen = await look(
      {
        user: { uid: 1000, gid: 1000 },
        noNewPrivileges: true,
        capabilities: {
          bounding: [...net, "CAP_OF_TOMORROW"],
          permitted: net,
          effective: kill,
          inheritable: net,
          ambient: kill,
        },
      },
      {},
      (pid) =>
        Object.fromEntries(
          [...readFileSync(`/proc/${pid}/status`, "utf8").matchAll(/^(Cap...|NoNewPrivs):\s*(.*)$/gm)].map((match) => [
            match[1],
            Number.parseInt(match[2] ?? "", 16),
          ]),
        ),
    );
    // execve(2) by an ordinary user keeps what is ambient.
    expect(seen).toEqual({ CapInh: 0x2020, CapPrm: 0x20, CapEff: 0x20, CapBnd: 0x2020, CapAmb: 0x20, NoNewPrivs: 1 });
  });

  test("a session keyring of its own, which exec joins, unless it is to keep the caller's", async () => {
    const source = join(import.meta.dirname, "session-keyring.c");
    const program = join(fixture.path("lower"), "bin/session-keyring");
    const { exitCode, stderr } = Bun.spawnSync(["musl-gcc", "-static", "-o", program, source]);
    if (exitCode !== 0) throw new Error(`the program does not compile: ${stderr}`);

    const spec = fixture.spec(sh("session-keyring; cat"), { linux: { namespaces } });
    const monitor = await fixture.launch(
      fixture.options(fixture.plan(spec, { keyring: "kept-for-tests" }), { openStdin: true }),
    );
    const output = (await monitor.attach({ stdin: false, stdout: true, stderr: true })).output;
    await monitor.start();
    for await (const { bytes } of output) {
      expect(Buffer.from(bytes).toString()).toMatch(/^keyring;0;0;[0-9a-f]{8};_ses\.kept-for-tests\n$/);
      break;
    }
    const exec = async (keyring: string | undefined): Promise<string> =>
      (
        await fixture.run(
          planExec(fixture.process(["session-keyring"]), {
            pid: monitor.init.pid,
            startTime: monitor.init.startTime,
            namespaces: KINDS,
            cgroups: [],
            keyring,
          }),
        )
      ).stdout;
    expect(await exec("kept-for-tests")).toContain(";_ses.kept-for-tests");
    expect(await exec(undefined)).toContain(";_ses\n");
    expect(await exec("none")).toBe(run(program));
  });

  test("exec runs on the processors that it was given, and with what it was given of the rest", async () => {
    const monitor = await fixture.launch(
      fixture.options(fixture.plan(fixture.spec(["sleep", "60"], { linux: { namespaces } }))),
    );
    await monitor.start();
    const read = sh("grep Cpus_allowed_list /proc/self/status | tr -d '\\t'; cat /proc/self/personality");
    const options = {
      pid: monitor.init.pid,
      startTime: monitor.init.startTime,
      namespaces: KINDS,
      cgroups: [],
      linux: { personality: { domain: "LINUX32" } },
    } as const;
    const run = async (execCPUAffinity: Process["execCPUAffinity"]) =>
      (await fixture.run(planExec(fixture.process(read, { execCPUAffinity }), options))).stdout;
    expect(await run({ initial: "0", final: "1" })).toBe("Cpus_allowed_list:1\n00000008\n");
    expect(await run({ initial: "1" })).toBe("Cpus_allowed_list:1\n00000008\n");
    expect(await run({ final: "0" })).toBe("Cpus_allowed_list:0\n00000008\n");
  });
});
