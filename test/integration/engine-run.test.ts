import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { until } from "../support/daemon.ts";
import { collect, EngineFixture } from "./engine-fixture.ts";

let fixture: EngineFixture;
beforeAll(async () => {
  fixture = await EngineFixture.open();
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

async function script(text: string, config: Parameters<EngineFixture["run"]>[0] = {}): Promise<string> {
  const { stdout, stderr } = await fixture.run({ command: ["sh", "-c", text], autoRemove: true, ...config });
  return stdout + stderr;
}

describe("a container's life", () => {
  test("prints on both streams, ends with its code, and leaves nothing with --rm", async () => {
    const result = await fixture.run({ command: ["sh", "-c", "echo out; echo err >&2; exit 7"], autoRemove: true });
    expect(result).toMatchObject({ stdout: "out\n", stderr: "err\n", exitCode: 7 });
    // A client hears of the removal a moment before the last file is gone.
    await until("nothing is left", () => fixture.leftovers().length === 0);
    expect(() => fixture.engine.inspect(result.id)).toThrow("No such container");
  });

  test("takes input, to its end", async () => {
    const { stdout } = await fixture.run({ command: ["cat"], autoRemove: true }, { input: "through\n" });
    expect(stdout).toBe("through\n");
  });

  test("keeps state, output and files until it is removed, and runs again with them", async () => {
    const { id } = await fixture.run({ command: ["sh", "-c", "cat /mark; echo once >> /mark"] }, { name: "again" });
    expect(fixture.engine.inspect("again").state).toMatchObject({ status: "exited", exitCode: 0, pid: 0 });
    const exit = fixture.engine.wait(id, { condition: "next-exit" });
    expect(await fixture.engine.start(id.slice(0, 10))).toBe("started");
    await exit.result;
    const log: string[] = [];
    for await (const { bytes, stream } of await fixture.engine.logs(id, { stdout: true, stderr: false })) {
      log.push(`${stream}: ${Buffer.from(bytes)}`);
    }
    expect(log).toEqual(["stdout: once\n"]);
    await fixture.engine.remove(id);
    expect(fixture.leftovers()).toEqual([]);
  });

  test("a missing program is 127, one that cannot be executed 126; both say so and leave nothing", async () => {
    const missing = await fixture.engine.create({ image: "box", command: ["nonesuch"], network: { mode: "none" } }, {});
    await expect(fixture.engine.start(missing.id)).rejects.toMatchObject({ exitCode: 127 });
    expect(fixture.engine.inspect(missing.id).state).toMatchObject({ status: "created", exitCode: 127 });
    expect(fixture.engine.inspect(missing.id).state.error).toContain('"nonesuch": executable file not found in $PATH');
    const denied = await fixture.engine.create(
      { image: "box", command: ["/etc/noexec"], network: { mode: "none" }, autoRemove: true },
      {},
    );
    const { result } = fixture.engine.wait(denied.id, { condition: "removed" });
    await expect(fixture.engine.start(denied.id)).rejects.toMatchObject({ exitCode: 126 });
    expect((await result).exitCode).toBe(126);
    await fixture.engine.remove(missing.id);
    expect([fixture.leftovers(), fixture.warnings]).toEqual([[], []]);
  });

  test("stop sends the stop signal, and kills what does not listen", async () => {
    const listens = ["sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"];
    const polite = await fixture.engine.create({ image: "box", command: listens, network: { mode: "none" } }, {});
    const session = await fixture.engine.attach(polite.id, { stdout: true });
    await fixture.engine.start(polite.id);
    for await (const _ of session.output) break;
    expect(await fixture.engine.stop(polite.id)).toBe("stopped");
    expect(await fixture.engine.stop(polite.id)).toBe("already-stopped");
    expect(fixture.engine.inspect(polite.id).state.exitCode).toBe(3);
    const deaf = await fixture.engine.create(
      { image: "box", command: ["sleep", "100"], network: { mode: "none" } },
      {},
    );
    await fixture.engine.start(deaf.id);
    await fixture.engine.stop(deaf.id, { timeoutSeconds: 0 });
    expect(fixture.engine.inspect(deaf.id).state.exitCode).toBe(137);
    await fixture.engine.remove(polite.id);
    await fixture.engine.remove(deaf.id);
  });

  test("pauses, and a stop of a paused one works", async () => {
    const { id } = await fixture.engine.create(
      { image: "box", command: ["sleep", "100"], network: { mode: "none" } },
      {},
    );
    await fixture.engine.start(id);
    await fixture.engine.pause(id);
    expect(fixture.engine.inspect(id).state.status).toBe("paused");
    await expect(fixture.engine.pause(id)).rejects.toThrow("already paused");
    await expect(fixture.engine.createExec(id, { command: ["true"] })).rejects.toThrow("is paused");
    await fixture.engine.unpause(id);
    await fixture.engine.pause(id);
    await fixture.engine.stop(id, { timeoutSeconds: 0 });
    expect(fixture.engine.inspect(id).state.status).toBe("exited");
    await fixture.engine.remove(id);
  });

  test("refuses what does not fit its state, in Docker's words", async () => {
    const { id } = await fixture.engine.create(
      { image: "box", command: ["sleep", "100"], network: { mode: "none" } },
      { name: "odd" },
    );
    await expect(fixture.engine.kill("odd")).rejects.toMatchObject({ code: "conflict" });
    await expect(fixture.engine.create({ image: "box", network: { mode: "none" } }, { name: "odd" })).rejects.toThrow(
      `Conflict. The container name "/odd" is already in use by container "${id}".`,
    );
    await fixture.engine.start("odd");
    expect(await fixture.engine.start("odd")).toBe("already-started");
    await expect(fixture.engine.remove("odd")).rejects.toThrow(
      'cannot remove container "/odd": container is running: stop the container before removing or force remove',
    );
    await fixture.engine.rename("odd", "even");
    expect(fixture.engine.inspect("/even").id).toBe(id as never);
    await fixture.engine.remove("even", { force: true });
    expect(fixture.leftovers()).toEqual([]);
  });

  test("tells its events in order", async () => {
    const before = fixture.events().length;
    const { id } = await fixture.run({ command: ["true"] });
    await fixture.engine.remove(id);
    const told = fixture.events().slice(before);
    expect(told).toEqual([
      ...["container create", "container attach", "network connect", "container start"],
      ...["container die", "network disconnect", "container destroy"],
    ]);
  });

  test("tells of the volumes and the network that a container uses, with what Docker says of them", async () => {
    const { length } = fixture.events();
    const mounts = [
      { type: "volume", name: "told", target: "/told", readOnly: true },
      { type: "bind", source: "/tmp", target: "/bound", readOnly: false, createSource: false },
    ] as const;
    const { id } = await fixture.run({ command: ["true"], mounts });
    const rows = fixture.state.db.query("SELECT type, action, actor_id, attributes FROM events ORDER BY seq").all();
    const told = (rows as { type: string; action: string; actor_id: string; attributes: string }[])
      .slice(length)
      .filter(({ type }) => type !== "container")
      .map(({ type, action, actor_id, attributes }) => [type, action, actor_id, JSON.parse(attributes)]);
    const network = { container: id, name: "none", type: "null" };
    const place = { destination: "/told", propagation: "", "read/write": "false" };
    expect(told).toEqual([
      ["volume", "create", "told", { driver: "local" }],
      ["network", "connect", "0".repeat(64), network],
      ["volume", "mount", "told", { container: id, driver: "local", ...place }],
      ["network", "disconnect", "0".repeat(64), network],
      ["volume", "unmount", "told", { container: id, driver: "local" }],
    ]);
    await fixture.engine.remove(id);
  });
});

describe("simultaneous calls", () => {
  test("two starts start once; rm -f during a start, two removes and kills leave nothing and hang nowhere", async () => {
    for (let round = 0; round < 3; round++) {
      const { id } = await fixture.engine.create(
        { image: "box", command: ["sleep", "100"], network: { mode: "none" } },
        {},
      );
      const starts = await Promise.all([fixture.engine.start(id), fixture.engine.start(id)]);
      expect(starts.sort()).toEqual(["already-started", "started"]);
      await fixture.engine.kill(id);
      const outcomes = await Promise.allSettled([
        fixture.engine.start(id),
        fixture.engine.kill(id),
        fixture.engine.remove(id, { force: true }),
        fixture.engine.remove(id, { force: true }),
        fixture.engine.stop(id, { timeoutSeconds: 0 }),
      ]);
      expect(outcomes.some((one) => one.status === "fulfilled")).toBe(true);
      expect(fixture.engine.list()).toEqual([]);
      expect(fixture.leftovers()).toEqual([]);
    }
  });

  test("many at once of the same name: one gets it", async () => {
    const tries = await Promise.allSettled(
      Array.from({ length: 5 }, () => fixture.engine.create({ image: "box" }, { name: "only" })),
    );
    expect(tries.filter((one) => one.status === "fulfilled").length).toBe(1);
    await fixture.engine.remove("only");
    expect(fixture.leftovers()).toEqual([]);
  });
});

describe("attach", () => {
  test("with logs gives each byte once, before and after", async () => {
    const { id } = await fixture.engine.create(
      {
        image: "box",
        command: ["sh", "-c", "echo a; echo b; read x; echo c"],
        network: { mode: "none" },
        openStdin: true,
      },
      {},
    );
    const early = await fixture.engine.attach(id, { stdin: true, stdout: true });
    await fixture.engine.start(id);
    let seen = "";
    for await (const { bytes } of early.output) {
      seen += Buffer.from(bytes);
      if (seen === "a\nb\n") break;
    }
    const late = await fixture.engine.attach(id, { stdin: true, stdout: true, stderr: true, logs: true });
    await late.write(Buffer.from("go\n"));
    expect((await collect(late.output)).stdout).toBe("a\nb\nc\n");
    await fixture.engine.remove(id, { force: true });
  });

  test("a terminal has a size, and is resized", async () => {
    const { id } = await fixture.engine.create(
      {
        image: "box",
        command: ["sh", "-c", "stty size; read x; stty size"],
        network: { mode: "none" },
        openStdin: true,
        tty: true,
        consoleSize: { width: 100, height: 40 },
      },
      {},
    );
    const session = await fixture.engine.attach(id, { stdin: true, stdout: true });
    await fixture.engine.start(id);
    let seen = "";
    for await (const { bytes } of session.output) {
      seen += Buffer.from(bytes);
      if (seen === "40 100\r\n") {
        await fixture.engine.resize(id, { width: 81, height: 25 });
        await session.write(Buffer.from("\n"));
      }
    }
    expect(seen).toEndWith("25 81\r\n");
    await fixture.engine.remove(id, { force: true });
  });
});

describe("what the process gets", () => {
  test("Docker's environment", async () => {
    const { stdout } = await fixture.run({ command: ["env"], env: ["A=1"], hostname: "here", autoRemove: true });
    expect(stdout).toBe("PATH=/bin\nHOSTNAME=here\nA=1\nHOME=/root\n");
  });

  test("users and groups of the image, by name and number", async () => {
    expect(await script("id; pwd; echo $HOME", { user: "bob", workingDirectory: "/made/here" })).toBe(
      "uid=1000(bob) gid=1000(bob) groups=10(wheel),1000(bob)\n/made/here\n/home/bob\n",
    );
    expect(await script("id -u; id -g; id -G", { user: "42:7", groups: ["wheel"] })).toBe("42\n7\n7 10\n");
    await expect(script("id", { user: "nobodyhere" })).rejects.toThrow("unable to find user nobodyhere");
  });

  test("host name, hosts, read-only root, tmpfs, shm size, masked and read-only paths", async () => {
    expect(
      await script("hostname; cat /etc/hostname; grep 192 /etc/hosts; cat /etc/resolv.conf", {
        hostname: "own",
        network: { mode: "none", extraHosts: ["db:192.0.2.9"] },
      }),
    ).toBe("own\nown\n192.0.2.9\tdb\nnameserver 192.0.2.1\n");
    expect(
      await script("touch /x; touch /t/y && echo fine", {
        security: { readOnlyRootfs: true },
        mounts: [{ type: "tmpfs", target: "/t", sizeBytes: 1 << 20 }],
      }),
    ).toBe("fine\ntouch: /x: Read-only file system\n");
    expect(await script("grep ' /dev/shm ' /proc/mounts | grep -o size=[0-9]*k", { shmSizeBytes: 2 << 20 })).toBe(
      "size=2048k\n",
    );
    expect(await script("echo 1 > /proc/sys/kernel/hostname; wc -c < /proc/kcore; mount -t tmpfs x /tmp")).toMatch(
      /Read-only file system[\s\S]*mount: /,
    );
  });

  test("capabilities, seccomp and no new privileges", async () => {
    const status = (text: string): string =>
      `grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status; ${text}`;
    expect(await script(status(""))).toBe(
      "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t0\nSeccomp:\t2\n",
    );
    expect(
      await script(status(""), { security: { capDrop: ["ALL"], noNewPrivileges: true, seccomp: "unconfined" } }),
    ).toBe("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t0\n");
    expect(await script("mount -t tmpfs x /tmp && echo mounted", { security: { privileged: true } })).toBe("mounted\n");
  });

  test("devices that were asked for, and no others", async () => {
    const devices = [{ pathOnHost: "/dev/loop-control", pathInContainer: "/dev/other", permissions: "r" }];
    const text = "(: < /dev/other) && echo readable; (: > /dev/other) || echo not writable";
    expect(await script(text, { security: { devices } })).toMatch(/^readable\nnot writable\n.*Operation not permitted/);
    expect(await script("mknod /dev/mem c 1 1; cat /dev/mem | wc -c")).toContain("Operation not permitted");
  });

  test("namespaces of the host and of other containers", async () => {
    expect(await script("hostname", { namespaces: { uts: "host" } })).toBe(
      readFileSync("/proc/sys/kernel/hostname", "utf8"),
    );
    expect(await script("readlink /proc/self/ns/net", { network: { mode: "host" } })).toContain("net:[");
    const { id } = await fixture.engine.create(
      {
        image: "box",
        command: ["sleep", "100"],
        network: { mode: "none" },
        namespaces: { ipc: "shareable" },
        hostname: "first",
      },
      { name: "first" },
    );
    await expect(script("true", { namespaces: { pid: "container:first" } })).rejects.toThrow(
      "cannot join PID of a non running",
    );
    await fixture.engine.start(id);
    expect(await script("ps | grep -c 'sleep 100'", { namespaces: { pid: "container:first" } })).not.toBe("0\n");
    await fixture.exec(id, ["sh", "-c", "echo shared > /dev/shm/x"]);
    expect(await script("cat /dev/shm/x", { namespaces: { ipc: "container:first" } })).toBe("shared\n");
    const other = await fixture.exec(id, ["readlink", "/proc/self/ns/net"]);
    expect(await script("readlink /proc/self/ns/net; hostname", { network: { mode: "container:first" } })).toBe(
      `${other.stdout}first\n`,
    );
    await fixture.engine.remove(id, { force: true });
    expect(fixture.leftovers()).toEqual([]);
  });

  test("--init reaps and forwards", async () => {
    expect(await script("echo $$; exit 5", { init: true })).not.toBe("1\n");
  });
});

describe("limits", () => {
  test("memory: the kernel kills, and the state says so", async () => {
    const { id, exitCode } = await fixture.run({
      command: ["dd", "if=/dev/zero", "of=/dev/null", "bs=64M"],
      resources: { memoryBytes: 16 << 20 },
    });
    expect([exitCode, fixture.engine.inspect(id).state.oomKilled]).toEqual([137, true]);
    await fixture.engine.remove(id);
  });

  test("processors, processes: written where the kernel counts them, and read back in stats and top", async () => {
    const { id } = await fixture.engine.create(
      {
        image: "box",
        command: ["sleep", "100"],
        network: { mode: "none" },
        resources: { pidsLimit: 9, nanoCpus: 5e8, memoryBytes: 64 << 20 },
      },
      {},
    );
    await fixture.engine.start(id);
    for await (const sample of fixture.engine.stats(id, { stream: false })) {
      expect(sample.pids).toEqual({ current: 1, limit: 9 });
      expect(sample.memory.limitBytes).toBe(64 << 20);
    }
    const table = await fixture.engine.top(id);
    expect(table.titles).toEqual(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    expect(table.rows.map((row) => row.at(-1))).toEqual(["sleep 100"]);
    expect((await fixture.engine.top(id, "-o pid,comm")).titles).toEqual(["PID", "COMMAND"]);
    await fixture.engine.remove(id, { force: true });
  });
});

test("sysctls are those of its own namespaces, over the default ones, and those of the host are refused at creation", async () => {
  const sysctls = { "net.ipv4.ip_unprivileged_port_start": "77", "kernel.shmmni": "33" };
  const read = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni";
  expect(await script(read, { sysctls, network: { mode: "none" } })).toBe("77\n33\n");
  const refused = fixture.engine.create({ image: "box", sysctls, network: { mode: "host" } }, {});
  await expect(refused).rejects.toThrow("sysctl 'net.ipv4.ip_unprivileged_port_start' is not allowed: it would change");
});
