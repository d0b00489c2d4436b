import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { daemonSkipReason, TestDaemon } from "../support/daemon.ts";
import { buildProbe } from "../support/probe.ts";

const reason = daemonSkipReason(["cc"]) ?? (process.arch === "x64" ? undefined : "knows x86-64's numbers alone");
if (reason !== undefined) console.log(`skipped: confinement: ${reason}`);

/** CAP_CHOWN … CAP_SETFCAP, as Docker's containers have them. */
const DOCKERS_CAPABILITIES = "00000000a80425fb";

/** What tells a filter from what the kernel says without one: name, number, arguments; with Docker's profile, without. */
const CALLS: readonly (readonly [call: string, confined: string, unconfined: string])[] = [
  ["mount 165 0 0 0 0 0", "EPERM", "EFAULT"],
  ["umount2 166 0 0", "EPERM", "EFAULT"],
  ["unshare 272 0x10000000", "EPERM", "ok"],
  ["clone-newuser 56 0x10000011 0 0 0 0", "EPERM", "ok"],
  ["clone3 435 0 0", "ENOSYS", "EINVAL"],
  ["keyctl 250 0 -3 0", "EPERM", "ok"],
  ["add_key 248 0 0 0 0 0", "EPERM", "EFAULT"],
  ["request_key 249 0 0 0 0", "EPERM", "EFAULT"],
  ["personality-ask 135 0xffffffff", "ok", "ok"],
  ["personality-linux32 135 8", "ok", "ok"],
  ["personality-norandom 135 0x40000", "EPERM", "ok"],
  ["ptrace-traceme 101 0 0 0 0", "ok", "ok"],
  ["process_vm_readv 310 0 0 0 0 0 0", "ok", "ok"],
  ["io_uring_setup 425 1 0", "EPERM", "EFAULT"],
  ["open_by_handle_at 304 0 0 0", "EPERM", "EFAULT"],
  ["perf_event_open 298 0 0 -1 -1 0", "EPERM", "EFAULT"],
  ["setns 308 -1 0", "EPERM", "EBADF"],
  ["open_tree 428 -1 0 0", "EPERM", "EFAULT"],
  ["mount_setattr 442 -1 0 0 0 0", "EPERM", "EINVAL"],
  ["clock_settime 227 0 0", "EPERM", "EFAULT"],
  ["pidfd_getfd 438 -1 0 0", "EPERM", "EBADF"],
  ["kcmp 312 1 1 9 0 0", "EPERM", "EINVAL"],
  ["socket-inet 41 2 1 0", "ok", "ok"],
  ["chroot 161 0", "EFAULT", "EFAULT"],
  ["of-the-future 999", "ENOSYS", "ENOSYS"],
];

describe.skipIf(reason !== undefined)("a container is confined as Docker's are", () => {
  let daemon: TestDaemon;
  let probe: string;
  beforeAll(async () => {
    daemon = await TestDaemon.start();
    probe = await buildProbe(daemon.directory);
    await daemon.gantry(["run", "-d", "--name", "still", "-v", `${probe}:/probe:ro`, "busybox", "sleep", "1000"]);
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  /** What a script prints in a new container; the test fails when the script does. */
  const inside = async (flags: readonly string[], script: string): Promise<string> => {
    const mount = ["-v", `${probe}:/probe:ro`];
    const result = await daemon.gantry(["run", "--rm", ...mount, ...flags, "busybox", "sh", "-c", script]);
    if (result.status !== 0) throw new Error(`it ended with ${result.status}: ${result.stdout}${result.stderr}`);
    return result.stdout;
  };
  const statusFields = async (flags: readonly string[]): Promise<Record<string, string>> => {
    const text = await inside(flags, "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid)' /proc/self/status");
    return Object.fromEntries(text.split("\n").map((line) => line.split(/:\s+/).map((part) => part.trim())));
  };

  test("capabilities, no_new_privs and the filter are Docker's, in exec too", async () => {
    const expected = {
      CapInh: "0000000000000000",
      CapPrm: DOCKERS_CAPABILITIES,
      CapEff: DOCKERS_CAPABILITIES,
      CapBnd: DOCKERS_CAPABILITIES,
      CapAmb: "0000000000000000",
      NoNewPrivs: "0",
      Seccomp: "2",
    };
    expect(await statusFields([])).toMatchObject(expected);
    const { stdout } = await daemon.gantry(["exec", "still", "cat", "/proc/self/status"]);
    const fields = Object.fromEntries(stdout.split("\n").map((line) => line.split(/:\s+/).map((part) => part.trim())));
    expect(fields).toMatchObject(expected);
    expect(await statusFields(["--security-opt", "no-new-privileges"])).toMatchObject({ NoNewPrivs: "1" });
  });

  test("capabilities are added and dropped by name", async () => {
    const effective = async (...flags: string[]) => (await statusFields(flags)).CapEff;
    expect(await effective("--cap-drop", "ALL")).toBe("0000000000000000");
    expect(await effective("--cap-drop", "ALL", "--cap-add", "chown", "--cap-add", "CAP_KILL")).toBe(
      "0000000000000021",
    );
    expect(await effective("--cap-drop", "mknod", "--cap-add", "NET_ADMIN")).toBe("00000000a00435fb");
    // A user without rights has none, but could regain them within these bounds.
    const nobody = await statusFields(["--user", "nobody"]);
    expect([nobody.CapEff, nobody.CapPrm, nobody.CapBnd]).toEqual([
      "0000000000000000",
      "0000000000000000",
      DOCKERS_CAPABILITIES,
    ]);
    const unknown = await daemon.gantry(["run", "--rm", "--cap-add", "FLY", "busybox", "true"]);
    expect([unknown.status, unknown.stderr]).toEqual([125, expect.stringContaining('unknown capability: "FLY"')]);
  });

  test("the filter denies what Docker's does, and nothing else", async () => {
    const list = CALLS.map(([call]) => `'${call}'`).join(" ");
    const names = CALLS.map(([call]) => call.split(" ")[0]);
    const expected = (column: 1 | 2) => CALLS.map((row, index) => `${names[index]} ${row[column]}\n`).join("");
    expect(await inside([], `/probe call ${list}`)).toBe(expected(1));
    // Before 6.11 the kernel looks for the capability of open_by_handle_at before it looks at the arguments.
    const unconfined = ["--security-opt", "seccomp=unconfined", "--cap-add", "DAC_READ_SEARCH"];
    expect(await inside(unconfined, `/probe call ${list}`)).toBe(expected(2));
    const exec = await daemon.gantry(["exec", "still", "/probe", "call", ...CALLS.map(([call]) => call)]);
    expect(exec.stdout).toBe(expected(1));
    // The same call by its number of 32-bit programs.
    expect(await inside([], "/probe call-i386")).toBe("keyctl-i386 EPERM\n");
  });

  test("sockets to the hypervisor and to the kernel's ciphers are refused", async () => {
    const calls = "'alg 41 38 5 0' 'vsock 41 40 1 0' 'alg-high-bit 41 0x100000026 5 0'";
    expect(await inside([], `/probe call ${calls}`)).toBe("alg EPERM\nvsock EPERM\nalg-high-bit EPERM\n");
  });

  test("a profile of one's own takes the place of Docker's", async () => {
    const path = join(daemon.directory, "profile.json");
    const rule = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 };
    writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }));
    const calls = "/probe call 'mkdir 83 0 0' 'keyctl 250 0 -3 0'";
    expect(await inside(["--security-opt", `seccomp=${path}`], calls)).toBe("mkdir EOPNOTSUPP\nkeyctl ok\n");
    writeFileSync(path, JSON.stringify({ defaultAction: "SCMP_ACT_FLY" }));
    const bad = await daemon.gantry(["run", "--rm", "--security-opt", `seccomp=${path}`, "busybox", "true"]);
    expect([bad.status, bad.stderr]).toEqual([
      125,
      expect.stringContaining("the seccomp profile is not valid: defaultAction must be one of"),
    ]);
  });

  test("what tells of the host is masked, what steers it is read-only", async () => {
    const script = `
      for path in kcore keys timer_list interrupts; do
        [ -e /proc/$path ] && echo "$path $(head -c 64 /proc/$path | wc -c)"; done
      for path in /proc/acpi /sys/firmware /proc/scsi; do [ -d $path ] && echo "$path $(ls -A $path | wc -l)"; done
      for path in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/irq/default_smp_affinity /sys/kernel/uevent_helper \
        /sys/fs/cgroup/new /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
        (echo x > $path) 2>/dev/null && echo "wrote $path"; done
      mkdir /sys/fs/cgroup/new /sys/fs/cgroup/memory/new 2>/dev/null && echo "made a cgroup"; true`;
    const said = await inside([], script);
    expect(said.split("\n").filter((line) => !/ 0$/.test(line))).toEqual([""]);
    expect(said).toContain("keys 0\n");
    expect(said).toContain("/sys/firmware 0\n");
  });

  test("mounts are Docker's, and none of the host's shows", async () => {
    const table = await inside([], "cut -d' ' -f4- /proc/self/mountinfo");
    const mounts = table
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([root = "", target = "", options = "", ...rest]) => {
        const [type, source] = rest.slice(rest.indexOf("-") + 1);
        return { root, target, options, type, source, isShared: rest[0] !== "-" };
      });
    const own = mounts.filter(({ target }) => !/^\/(proc|sys)\/.|^\/etc\/|^\/probe$/.test(target));
    const plain = "nosuid,nodev,noexec";
    expect(own.map(({ target, options, type, source }) => `${target} ${type} ${source} ${options}`).sort()).toEqual([
      "/ overlay overlay rw,relatime",
      `/dev tmpfs tmpfs rw,nosuid`,
      `/dev/mqueue mqueue mqueue rw,${plain},relatime`,
      "/dev/pts devpts devpts rw,nosuid,noexec,relatime",
      `/dev/shm tmpfs shm rw,${plain},relatime`,
      `/proc proc proc rw,${plain},relatime`,
      `/sys sysfs sysfs ro,${plain},relatime`,
    ]);
    expect(new Set(mounts.map(({ target }) => target)).size).toBe(mounts.length);
    expect(mounts.filter(({ isShared }) => isShared)).toEqual([]);
    // Of the host's files there are the three that name the network, and what was asked for.
    const foreign = mounts.filter(
      ({ type }) => !/^(proc|sysfs|tmpfs|devpts|mqueue|overlay|cgroup2?)$/.test(type ?? ""),
    );
    expect(foreign.map(({ target }) => target).sort()).toEqual([
      "/etc/hostname",
      "/etc/hosts",
      "/etc/resolv.conf",
      "/probe",
    ]);
    expect(
      mounts
        .filter(
          ({ target, options }) => /^\/(sys|proc)\/[^k]/.test(target) && /^rw/.test(options) && !/^\/null/.test(target),
        )
        .map(({ root }) => root)
        .filter((root) => root !== "/null"),
    ).toEqual([]);
    // The layers' paths on the host are nobody's business.
    expect(table).not.toContain(`${daemon.root}/snapshots`);
    expect(table).not.toContain("upperdir=/tmp");
  });

  test("devices: the default ones are there, others can be made and not be opened", async () => {
    const nodes = await inside([], "cd /dev; find . -type c -o -type b -o -type l | sort | tr '\\n' ' '");
    expect(nodes.trim().split(" ")).toEqual(
      `${existsSync("/proc/kcore") ? "./core " : ""}./fd ./full ./null ./ptmx ./pts/ptmx ./random ./stderr ./stdin ./stdout ./tty ./urandom ./zero`.split(
        " ",
      ),
    );
    const script = `
      head -c 3 /dev/zero | wc -c; echo x > /dev/null; echo x 2>/dev/null > /dev/full || echo full
      mknod /tmp/mem c 1 1 && mknod /tmp/disk b 254 0 && mknod /tmp/kmsg c 1 11 && echo made
      for node in /tmp/mem /tmp/disk /tmp/kmsg; do head -c 1 $node 2>&1; done`;
    const refused = (path: string) => `head: ${path}: Operation not permitted\n`;
    const tried = `3\nfull\nmade\n${["/tmp/mem", "/tmp/disk", "/tmp/kmsg"].map(refused).join("")}`;
    const result = await daemon.gantry(["run", "--rm", "busybox", "sh", "-c", script]);
    expect(result.stdout).toBe(tried);
    expect((await daemon.gantry(["exec", "still", "sh", "-c", script])).stdout).toBe(tried);
  });

  test("--device gives one, with the rights that its letters say", async () => {
    const device =
      ["/dev/fuse", "/dev/loop-control", "/dev/net/tun", "/dev/rtc0"].find((path) => existsSync(path)) ?? "";
    const script = "head -c 0 /dev/x 2>&1 && echo read; (true >> /dev/x) 2>&1 && echo written";
    const tried = async (letters: string) =>
      (await daemon.gantry(["run", "--rm", "--device", `${device}:/dev/x${letters}`, "busybox", "sh", "-c", script]))
        .stdout;
    expect(await tried("")).toBe("read\nwritten\n");
    expect(await tried(":r")).toBe("read\nsh: can't create /dev/x: Operation not permitted\n");
    expect(await tried(":w")).toBe("head: /dev/x: Operation not permitted\nwritten\n");
    const none = await daemon.gantry(["run", "--rm", "--device", "/dev/nothing", "busybox", "true"]);
    // 127 where one would expect 125: docker's client takes the status from these words, whatever it is that is not there.
    expect([none.status, none.stderr]).toEqual([127, expect.stringContaining("no such file or directory")]);
    const bad = await daemon.gantry(["run", "--rm", "--device", "/dev/null:/dev/x:q", "busybox", "true"]);
    expect([bad.status, bad.stderr]).toEqual([125, expect.stringMatching(/^[^\n]*q/)]);
  });

  test("no descriptor of the host is there, and stdin is the container's own null", async () => {
    expect(await inside([], "/probe fds")).toBe("0 1 2 \n");
    expect((await daemon.gantry(["exec", "still", "/probe", "fds"])).stdout).toBe("0 1 2 \n");
    // `chmod 0 /dev/stdin` would otherwise close the host's null device to everybody.
    const device = "stat -L -c %d:%i /proc/self/fd/0 /dev/null";
    const [stdin, own] = (await inside([], device)).trim().split("\n");
    expect(stdin).toBe(own ?? "");
    const exec = (await daemon.gantry(["exec", "still", "sh", "-c", device])).stdout.trim().split("\n");
    expect(exec[0]).toBe(exec[1] ?? "");
    // Whoever takes the null device away gets the end of a pipe.
    const replaced = "rm /dev/null && mkfifo /dev/null";
    await daemon.gantry(["exec", "still", "sh", "-c", replaced]);
    const odd = await daemon.gantry(["exec", "still", "sh", "-c", "readlink /proc/self/fd/0; cat"]);
    expect([odd.stdout, odd.status]).toEqual([expect.stringMatching(/^pipe:/), 0]);
    await daemon.gantry(["exec", "still", "sh", "-c", "rm /dev/null && mknod -m 666 /dev/null c 1 3"]);
  });

  test("user, groups, umask and limits", async () => {
    const who = async (...flags: string[]) => (await inside(flags, "id; umask")).trim();
    expect(await who()).toBe("uid=0(root) gid=0(root) groups=0(root)\n0022");
    expect(await who("-u", "nobody")).toBe("uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)\n0022");
    expect(await who("-u", "1234:77", "--group-add", "nogroup", "--group-add", "88")).toBe(
      "uid=1234 gid=77 groups=77,88,65534(nogroup)\n0022",
    );
    const missing = await daemon.gantry(["run", "--rm", "-u", "nobody2", "busybox", "true"]);
    expect([missing.status, missing.stderr]).toEqual([
      125,
      expect.stringContaining("unable to find user nobody2: no matching entries in passwd file"),
    ]);
    const hardLimits = (table: string) => table.split("\n").map((line) => [line.slice(0, 26), line.slice(47, 68)]);
    expect(hardLimits(await inside([], "cat /proc/self/limits"))).toEqual(
      hardLimits(readFileSync("/proc/self/limits", "utf8")),
    );
  });

  test("what programs look for to tell that they are in a container is there, and counts as nothing written", async () => {
    expect(await inside([], "stat -c '%F %a %s' /.dockerenv; readlink /etc/mtab")).toBe(
      "regular empty file 755 0\n/proc/mounts\n",
    );
    const size = ["inspect", "--size", "--format", "{{.SizeRw}}", "unwritten"];
    expect((await daemon.gantry(["run", "-d", "--name", "unwritten", "busybox", "true"])).status).toBe(0);
    expect((await daemon.gantry(size)).stdout).toBe("0\n");
  });

  test("--read-only and --tmpfs", async () => {
    const script = `touch /file 2>&1; touch /scratch/file && echo scratch; touch /dev/shm/file && echo shm
      grep ' /scratch ' /proc/mounts; df -k /scratch | tail -1 | awk '{print $2}'`;
    const result = await inside(["--read-only", "--tmpfs", "/scratch:size=2m,mode=700,exec"], script);
    // Some kernels have 64-bit inode numbers in every tmpfs, and say so.
    expect(result.replace(",inode64", "")).toBe(
      "touch: /file: Read-only file system\nscratch\nshm\n" +
        "tmpfs /scratch tmpfs rw,nosuid,nodev,relatime,size=2048k,mode=700 0 0\n2048\n",
    );
  });

  test("--privileged lifts what it lifts in Docker", async () => {
    const script = `grep Seccomp: /proc/self/status; [ -c /dev/kmsg ] && head -c 0 /dev/kmsg && echo kmsg
      [ -w /proc/sys/kernel/core_pattern ] && echo sys; cd /sys/fs/cgroup; [ -d memory ] && cd memory; mkdir x && rmdir x && echo cgroup
      mount -t tmpfs none /tmp && echo mounted; [ -n "$(head -c 9 /proc/timer_list)" ] && echo unmasked`;
    const said = await inside(["--privileged"], script);
    expect(said).toBe("Seccomp:\t0\nkmsg\nsys\ncgroup\nmounted\nunmasked\n");
  });
});
