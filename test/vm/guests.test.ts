import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const work = mkdtempSync(join(tmpdir(), "gantry-guests-"));
afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a guest of its own. */
async function guest(options: readonly string[], command: readonly string[]): Promise<Ended> {
  const child = Bun.spawn([join(import.meta.dir, "run.sh"), "--timeout", "80", ...options, "--", ...command], {
    cwd: work,
    env: { ...process.env, TMPDIR: work },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [status, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { status, stdout, stderr };
}

const sh = (script: string, ...args: string[]): string[] => ["bash", "-c", script, "bash", ...args];

describe("a guest", () => {
  test.each([
    ["v2", "cgroup2fs\n"],
    ["v1", "tmpfs\nlimit\n"],
    ["hybrid", "tmpfs\nlimit\nunified\n"],
  ])("has the kind of control groups that was asked for: %s", async (kind, said) => {
    const script = `cd /sys/fs/cgroup; stat -f -c %T .; [ ! -e memory/memory.limit_in_bytes ] || echo limit
      [ ! -e unified/cgroup.procs ] || echo unified`;
    expect(await guest(["--cgroup", kind], sh(script))).toEqual({ status: 0, stdout: said, stderr: "" });
  });

  test.each([
    ["apparmor", "apparmor Y\n"],
    ["selinux", "selinux Enforcing\nrefused\n"],
    ["none", ""],
  ])("has the security module that was asked for: %s", async (module, said) => {
    const script = `parameter=/sys/module/apparmor/parameters/enabled
      ! grep -q apparmor /sys/kernel/security/lsm || echo "apparmor $(<$parameter)"
      ! grep -q selinux /sys/kernel/security/lsm || {
        echo "selinux $(getenforce)"
        cp /bin/busybox . && chcon system_u:object_r:container_file_t:s0 busybox
        runcon system_u:system_r:container_t:s0:c1 ./busybox cat /etc/passwd 2>/dev/null || echo refused
      }`;
    expect(await guest(["--lsm", module], sh(script))).toEqual({ status: 0, stdout: said, stderr: "" });
  });

  test("gets its arguments as they are, and its output and status come back, apart", async () => {
    const words = ["", " ", "two\nlines", "it's", '"', "*", "$HOME", "\\", "--lsm", "ü"];
    const script = 'printf "%s\\0" "$@"; printf err >&2; exit 3';
    const ended = await guest([], sh(script, ...words));
    expect(ended).toEqual({ status: 3, stdout: words.map((word) => `${word}\0`).join(""), stderr: "err" });
  });

  test("works in a folder of the host, and on a disk", async () => {
    writeFileSync(join(work, "in"), "from the host\n");
    const disk = join(work, "disk");
    const made = Bun.spawnSync(["/sbin/mke2fs", "-q", "-t", "ext4", disk, "8M"]);
    expect(made.exitCode).toBe(0);
    const script = 'pwd; cat in; cut -d " " -f 2,3 /proc/mounts | grep -E "^(/project|$1) "';
    const { stdout } = await guest(["--share", work, "--disk", disk], sh(script, work));
    expect(stdout).toBe(`${work}\nfrom the host\n/project ext4\n${work} 9p\n`);
  });

  test("reaches others of its network", async () => {
    // One processor each: two guests with two would starve each other on a machine that has no more.
    const net = ["--cpus", "1", "--net", `guests-${process.pid}`];
    const [asked, answered] = await Promise.all([
      guest([...net, "--host", "1"], sh("socat -u TCP-LISTEN:80 -")),
      guest([...net, "--host", "2"], sh("until echo hello | socat -u - TCP:10.98.0.1:80 2>/dev/null; do :; done")),
    ]);
    expect([asked.stdout, asked.status, answered.status]).toEqual(["hello\n", 0, 0]);
  });

  test("starts from a saved one with the time of today and random numbers of its own", async () => {
    const script = "date +%s; cat /proc/sys/kernel/random/uuid";
    const before = Math.floor(Date.now() / 1000);
    const [, first = "", second = ""] = [
      await guest(["--fast", "--lsm", "none"], ["true"]),
      (await guest(["--fast", "--lsm", "none"], sh(script))).stdout,
      (await guest(["--fast", "--lsm", "none"], sh(script))).stdout,
    ];
    const [firstTime, firstRandom = ""] = first.split("\n");
    expect(Number(firstTime)).toBeGreaterThanOrEqual(before - 2);
    expect(firstRandom).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).not.toContain(firstRandom);
  });

  test("says at a timeout where its tasks wait", async () => {
    const { status, stdout, stderr } = await guest(["--timeout", "5"], sh("echo said; sleep 1000; exit"));
    expect({ status, stdout }).toEqual({ status: 124, stdout: "said\n" });
    expect(stderr).toStartWith("vm: no end within 5 seconds; its console, processors and tasks:\n");
    expect(stderr).toMatch(/^task:bash .*: .*\bdo_wait\b/m);
    expect(stderr).toMatch(/^task:sleep .*: .*\bhrtimer_nanosleep\b/m);
    // One may be what a processor does just then.
    expect(stderr).not.toMatch(/^task:kworker/m);
  });

  test("says at a timeout when its kernel does not answer any more", async () => {
    const silent = ["--timeout", "10", "--share", work];
    const running = guest(silent, sh('touch "$1/silent"; sleep 1000; exit', work));
    while (!readdirSync(work).includes("silent")) await Bun.sleep(20);
    const qemu = Bun.spawnSync(["pgrep", "-f", `qemu-system-x86_64.*${work}/gantry-vm`]).stdout.toString();
    process.kill(Number(qemu), "SIGSTOP");
    const { status, stderr } = await running;
    expect(status).toBe(124);
    expect(stderr).toContain("vm: no end within 10 seconds; its kernel does not answer, its console:\n");
  });

  test("ends itself when its kernel hangs, which is told apart from what its command says", async () => {
    const [panics, threshold] = ["softlockup_panic", "watchdog_thresh"].map((name) => `/proc/sys/kernel/${name}`);
    // No kernel hangs because it is asked to; this is what one does that has seen that it does.
    const { status, stdout, stderr } = await guest([], sh(`cat ${panics} ${threshold}; echo c >/proc/sysrq-trigger`));
    expect({ status, stdout }).toEqual({ status: 125, stdout: "1\n30\n" });
    expect(stderr).toContain("Kernel Offset");
    expect(stderr).toEndWith("vm: the guest did not start or did not end well\n");
  });

  test("leaves nothing, also when a signal ends it", async () => {
    const child = Bun.spawn(
      [join(import.meta.dir, "run.sh"), "--share", work, "--", ...sh('touch "$1/up"; sleep 100', work)],
      { env: { ...process.env, TMPDIR: work }, stdio: ["ignore", "ignore", "ignore"] },
    );
    while (!readdirSync(work).includes("up")) await Bun.sleep(20);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
    expect(readdirSync(work).filter((name) => name.startsWith("gantry-vm."))).toEqual([]);
  });
});
