import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { planExec } from "../../src/runtime/plan/index.ts";
import { encodeFrame, FRAME } from "../../src/supervise/frames.ts";
import { readLog } from "../../src/supervise/index.ts";
import { collect, Fixture } from "./supervise-fixture.ts";

let fixture: Fixture;
beforeAll(() => {
  fixture = new Fixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const sh = (script: string): string[] => ["sh", "-c", script];

describe("a container", () => {
  test("gives its output, apart, and its exit code", async () => {
    const plan = fixture.plan(fixture.spec(sh("echo out; echo err >&2; exit 7")));
    const { record, stdout, stderr } = await fixture.run(plan);
    expect([record.exitCode, record.signal, stdout, stderr]).toEqual([7, undefined, "out\n", "err\n"]);
  });

  test("that a signal ended has 128 + its number", async () => {
    // pid 1 is deaf to signals it has no handler for, so a child kills itself
    const { record } = await fixture.run(fixture.plan(fixture.spec(sh("sh -c 'kill -TERM $$'; exit $?"))));
    expect(record.exitCode).toBe(143);
    const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(["sleep", "100"]))));
    await monitor.start();
    process.kill(monitor.init.pid, "SIGKILL");
    const killed = await monitor.exited;
    expect([killed.exitCode, killed.signal, killed.oomKilled]).toEqual([137, 9, false]);
  });

  test("sees its own processes, its host name, no descriptor of the host", async () => {
    const script = "hostname; echo $$; echo /proc/[0-9]*; ls /proc/$$/fd; readlink /proc/self/cwd";
    const { stdout } = await fixture.run(fixture.plan(fixture.spec(sh(script), {}, { cwd: "/made/for/it" })));
    expect(stdout).toBe("box\n1\n/proc/1\n0\n1\n2\n/made/for/it\n");
  });

  test("runs on an overlay as kernels before 6.7 mount it", async () => {
    const plan = fixture.plan(fixture.spec(sh("echo hi > /new; cat /new")), { legacy: true });
    expect((await fixture.run(plan)).stdout).toBe("hi\n");
  });

  test("runs in a bound folder", async () => {
    const plan = fixture.plan(fixture.spec(sh("echo $((6*7))"), { root: { path: "x", readonly: true } }), {
      rootfs: { type: "bind", path: fixture.path("lower") },
    });
    expect((await fixture.run(plan)).stdout).toBe("42\n");
  });

  test("has its user, groups, capabilities, umask and limits", async () => {
    const capabilities = ["CAP_CHOWN", "CAP_KILL"];
    const script =
      "id -u; id -g; umask; grep -E 'Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Groups|SigIgn|SigBlk' /proc/self/status; ulimit -n";
    const plan = fixture.plan(
      fixture.spec(
        sh(script),
        {},
        {
          user: { uid: 1000, gid: 1001, additionalGids: [7, 8], umask: 0o027 },
          noNewPrivileges: true,
          capabilities: {
            bounding: capabilities,
            permitted: capabilities,
            effective: capabilities,
            inheritable: capabilities,
            ambient: ["CAP_KILL"],
          },
          rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }],
        },
      ),
    );
    const { stdout, stderr } = await fixture.run(plan);
    expect(stderr).toBe("");
    expect(stdout.replace(/[ \t]+/g, " ")).toBe(
      "1000\n1001\n0027\nGroups: 7 8 \nSigBlk: 0000000000000000\nSigIgn: 0000000000000000\n" +
        "CapPrm: 0000000000000020\nCapEff: 0000000000000020\nCapBnd: 0000000000000021\nCapAmb: 0000000000000020\nNoNewPrivs: 1\n100\n",
    );
  });

  test("cannot read what is masked, nor write what is read-only", async () => {
    const script =
      "cat /proc/keys; ls /sys/firmware | wc -l; touch /sys/firmware/x; echo 1 > /proc/sys/vm/drop_caches; touch /x; echo done";
    const { stdout, stderr } = await fixture.run(
      fixture.plan(fixture.spec(sh(script), { root: { path: "x", readonly: true } })),
    );
    expect(stdout).toBe("0\ndone\n");
    expect(stderr.match(/Read-only file system/g)?.length).toBe(3);
  });

  test("gets binds: folders, files, read-only ones, and onto what a dangling link names", async () => {
    mkdirSync(fixture.path("data"), { recursive: true });
    writeFileSync(fixture.path("data/file"), "content\n");
    symlinkSync("../run/systemd/resolve/stub.conf", fixture.path("lower/etc/resolv.conf"));
    const bind = (source: string, destination: string, ...options: string[]) => ({
      type: "bind",
      source: fixture.path(source),
      destination,
      options: ["rbind", ...options],
    });
    const script =
      "cat /mnt/file /etc/resolv.conf; touch /mnt/file; echo x > /run/systemd/resolve/stub.conf; cat /deep/er/file";
    const mounts = [
      bind("data", "/mnt", "ro"),
      bind("data/file", "/etc/resolv.conf"),
      bind("data/file", "/deep/er/file"),
    ];
    const { stdout, stderr } = await fixture.run(fixture.plan(fixture.spec(sh(script), { mounts })));
    expect(stdout).toBe("content\ncontent\nx\n");
    expect(stderr).toContain("Read-only file system");
    expect(readFileSync(fixture.path("data/file"), "utf8")).toBe("x\n");
  });

  test("reaps and forwards signals with an init", async () => {
    const plan = fixture.plan(
      fixture.spec(sh("trap 'echo got; exit 3' USR1; echo pid $$; while :; do sleep 0.05; done")),
      { init: true },
    );
    const monitor = await fixture.launch(fixture.options(plan));
    const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
    await monitor.start();
    let text = "";
    for await (const { bytes } of attachment.output) {
      if (text === "") process.kill(monitor.init.pid, "SIGUSR1");
      text += Buffer.from(bytes).toString();
    }
    expect(text).toBe("pid 2\ngot\n");
    expect((await monitor.exited).exitCode).toBe(3);
  });

  test("a hostile image: /proc as a link does not move the kernel's files (CVE-2019-19921)", async () => {
    mkdirSync(fixture.path("evil/elsewhere"), { recursive: true });
    symlinkSync("elsewhere", fixture.path("evil/proc"));
    const plan = fixture.plan(fixture.spec(["true"]), { rootfs: { type: "bind", path: fixture.path("evil") } });
    const monitor = await fixture.launch(fixture.options(plan));
    await expect(monitor.ready()).rejects.toThrow('cannot mount proc on "/proc": target: ELOOP');
  });

  test("a hostile image: a link out of the root stays inside (CVE-2021-30465)", async () => {
    mkdirSync(fixture.path("links"), { recursive: true });
    mkdirSync(fixture.path("outside"), { recursive: true });
    symlinkSync(fixture.path("outside"), fixture.path("links/out"));
    const mounts = [{ type: "bind", source: fixture.path("data"), destination: "/out/x", options: ["rbind"] }];
    const plan = fixture.plan(fixture.spec(["nothing"], { mounts }), {
      rootfs: { type: "bind", path: fixture.path("links") },
    });
    const monitor = await fixture.launch(fixture.options(plan));
    await monitor.ready();
    await monitor.abandon();
    expect(readdirSync(fixture.path("outside"))).toEqual([]);
  });
});

describe("a program that cannot run", () => {
  const failing = async (args: string[], process = {}) => {
    const options = fixture.options(fixture.plan(fixture.spec(args, {}, process)));
    const monitor = await fixture.launch(options);
    await monitor.ready();
    const error = await monitor.start().then(
      () => undefined,
      (reason) => reason,
    );
    return [error.exitCode, error.message, (await monitor.exited).exitCode];
  };

  test("is told in Docker's words, with its codes", async () => {
    writeFileSync(fixture.path("lower/bin/text"), "just text\n", { mode: 0o755 });
    writeFileSync(fixture.path("lower/bin/plain"), "x", { mode: 0o644 });
    writeFileSync(fixture.path("lower/bin/script"), "#!/no/such\n", { mode: 0o755 });
    expect(await failing(["nosuch"])).toEqual([127, 'exec: "nosuch": executable file not found in $PATH', 127]);
    expect(await failing(["/bin/nosuch"])).toEqual([
      127,
      'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory',
      127,
    ]);
    expect(await failing(["/bin/plain"])).toEqual([126, 'exec: "/bin/plain": permission denied', 126]);
    expect(await failing(["/bin"])).toEqual([126, 'exec: "/bin": is a directory', 126]);
    expect(await failing(["/bin/text"])).toEqual([126, "exec /bin/text: exec format error", 126]);
    expect(await failing(["script"])).toEqual([127, "exec script: no such file or directory", 127]);
  });

  test("a mount that cannot be is a sentence, before the start", async () => {
    const mounts = [{ type: "bind", source: "/no/such/data", destination: "/mnt", options: ["rbind"] }];
    const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(["true"], { mounts }))));
    await expect(monitor.ready()).rejects.toThrow(
      'cannot mount "/no/such/data" on "/mnt": ENOENT: no such file or directory',
    );
    expect((await monitor.exited).failure?.errno).toBe(2);
  });
});

describe("standard streams", () => {
  test("stdin flows in, with its end", async () => {
    const monitor = await fixture.launch(
      fixture.options(fixture.plan(fixture.spec(["wc", "-c"])), { openStdin: true, stdinOnce: true }),
    );
    const attachment = await monitor.attach({ stdin: true, stdout: true, stderr: true });
    await monitor.start();
    const output = collect(attachment.output);
    await attachment.write(new Uint8Array(300_000));
    await attachment.closeStdin();
    expect((await output).stdout.trim()).toBe("300000");
    expect((await monitor.exited).exitCode).toBe(0);
  });

  test("a client that detaches ends stdin once", async () => {
    const monitor = await fixture.launch(
      fixture.options(fixture.plan(fixture.spec(["cat"])), { openStdin: true, stdinOnce: true }),
    );
    const attachment = await monitor.attach({ stdin: true, stdout: false, stderr: false });
    await monitor.start();
    attachment.close();
    expect((await monitor.exited).exitCode).toBe(0);
  });

  test("a terminal: its size, its name, its input", async () => {
    const plan = fixture.plan(
      fixture.spec(
        sh("tty; stty size; read line; stty size; echo got $line; ls -l /dev/console | head -c 1; test -t 1 && exit 5"),
        {},
        { terminal: true },
      ),
    );
    const monitor = await fixture.launch(
      fixture.options(plan, { tty: true, openStdin: true, consoleSize: { width: 81, height: 25 } }),
    );
    await monitor.ready();
    const attachment = await monitor.attach({ stdin: true, stdout: true, stderr: true });
    await monitor.start();
    let text = "";
    let isResized = false;
    for await (const { bytes } of attachment.output) {
      text += Buffer.from(bytes).toString();
      if (!isResized && text.includes("25 81\r\n")) {
        isResized = true;
        await monitor.resize({ width: 100, height: 30 });
        await attachment.write(Buffer.from("hello\n"));
      }
    }
    expect(text).toBe("/dev/pts/0\r\n25 81\r\nhello\r\n30 100\r\ngot hello\r\nc");
    expect((await monitor.exited).exitCode).toBe(5);
  });

  test("a slow reader slows the container and loses nothing", async () => {
    const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(sh("seq 1 300000")))));
    const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
    await monitor.start();
    let isFirst = true;
    const parts: Uint8Array[] = [];
    for await (const { bytes } of attachment.output) {
      if (isFirst) await Bun.sleep(150);
      isFirst = false;
      parts.push(bytes);
    }
    const lines = Buffer.concat(parts).toString().trimEnd().split("\n");
    expect([lines.length, lines.at(-1)]).toEqual([300000, "300000"]);
  });

  test("a client that stops reading and goes away holds nothing up", async () => {
    const monitor = await fixture.launch(fixture.options(fixture.plan(fixture.spec(sh("yes | head -c 3000000")))));
    const attachment = await monitor.attach({ stdin: false, stdout: true, stderr: true });
    await monitor.start();
    for await (const _ of attachment.output) break;
    attachment.close();
    expect((await monitor.exited).exitCode).toBe(0);
  });

  // Ten seconds long: the patience itself.
  test.skipIf(!process.env.GANTRY_SLOW_TESTS)(
    "a client that never reads delays the end by some seconds, not for ever",
    async () => {
      const options = fixture.options(fixture.plan(fixture.spec(sh("head -c 3000000 /dev/zero & sleep 0.2; exit 8"))));
      const monitor = await fixture.launch(options);
      const frozen = createConnection({ path: options.socketPath });
      await once(frozen, "connect");
      frozen.pause();
      frozen.write(encodeFrame({ type: FRAME.attach, tag: 1, bytes: Uint8Array.of(2) }));
      await monitor.start();
      expect((await monitor.exited).exitCode).toBe(8);
      frozen.destroy();
    },
    20_000,
  );

  test("the log has every line, in bounded files that are never renamed", async () => {
    const directory = fixture.path("log-rotate");
    const log = { directory, maxSizeBytes: 100_000, maxFiles: 3 };
    await fixture.run(fixture.plan(fixture.spec(sh("seq 1 20000"))), { log });
    const files = readdirSync(directory).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
    expect(files.length).toBe(3);
    const lines: string[] = [];
    for await (const record of readLog(() => directory)) lines.push(Buffer.from(record.bytes).toString().trimEnd());
    expect(lines.map(Number)).toEqual(
      Array.from({ length: lines.length }, (_, index) => 20000 - lines.length + 1 + index),
    );
    const last: string[] = [];
    for await (const record of readLog(() => directory, { tail: 2 })) last.push(Buffer.from(record.bytes).toString());
    expect(last).toEqual(["19999\n", "20000\n"]);
  });

  test("a long line and one without an end are partial records; a follower sees the end", async () => {
    const directory = fixture.path("log-partial");
    const log = { directory, maxSizeBytes: 1_000_000, maxFiles: 2 };
    const plan = fixture.plan(fixture.spec(sh("head -c 20000 /dev/zero | sed 's/./x/g'; printf tail")));
    const monitor = await fixture.launch(fixture.options(plan, { log }));
    const lengths: [boolean, number][] = [];
    const following = (async () => {
      for await (const record of readLog(() => directory, { follow: true, ended: monitor.exited }))
        lengths.push([record.isPartial, record.bytes.length]);
    })();
    await monitor.start();
    await following;
    expect(lengths.map(([, length]) => length).reduce((a, b) => a + b)).toBe(20004);
    expect(lengths.at(-1)?.[0]).toBe(true);
  });
});

describe("exec", () => {
  test("runs in the container's namespaces, with its own exit code and terminal", async () => {
    const monitor = await fixture.launch(
      fixture.options(fixture.plan(fixture.spec(sh("echo mark > /mark; sleep 100")))),
    );
    await monitor.start();
    const namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"] as const;
    const exec = (args: string[], process = {}) =>
      planExec(fixture.process(args, process), {
        pid: monitor.init.pid,
        startTime: monitor.init.startTime,
        namespaces,
        cgroups: [],
      });
    const { record, stdout } = await fixture.run(
      exec(sh("hostname; while ! cat /mark; do :; done; [ $$ -gt 1 ] && echo other; ls /proc/$$/fd; exit 9"), {
        cwd: "/tmp",
      }),
    );
    expect([record.exitCode, stdout]).toEqual([9, "box\nmark\nother\n0\n1\n2\n"]);
    const terminal = await fixture.run(exec(["tty"], { terminal: true }), {
      tty: true,
      consoleSize: { width: 80, height: 24 },
    });
    expect([terminal.record.exitCode, terminal.stdout]).toEqual([0, "/dev/pts/0\r\n"]);
    const other = planExec(fixture.process(["true"]), { pid: monitor.init.pid, startTime: 1, namespaces, cgroups: [] });
    await expect(fixture.launch(fixture.options(other))).rejects.toThrow("ESRCH");
    const missing = await fixture.launch(fixture.options(exec(["nosuch"])));
    await expect(missing.start()).rejects.toThrow("executable file not found in $PATH");
    process.kill(monitor.init.pid, "SIGKILL");
    await monitor.exited;
  });
});
