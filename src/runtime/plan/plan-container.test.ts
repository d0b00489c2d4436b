import { describe, expect, test } from "bun:test";
import type { Linux, Process, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { formatPlan } from "./format-plan.ts";
import { type ContainerPlanOptions, planContainer } from "./plan-container.ts";
import { planExec } from "./plan-exec.ts";

const NAMESPACES: Linux["namespaces"] = (["pid", "network", "ipc", "uts", "mount", "cgroup"] as const).map((type) => ({
  type,
}));
const OPTIONS: ContainerPlanOptions = {
  rootfs: { type: "overlay", lower: ["/l2", "/l1"], upper: "/u", work: "/w" },
  cgroups: [{ version: 1, path: "/sys/fs/cgroup/cpu,cpuacct/g/1" }],
};

function spec(parts: Partial<RuntimeSpec> = {}, process: Partial<Process> = {}, linux: Linux = {}): RuntimeSpec {
  return {
    ociVersion: "1.3.0",
    process: { cwd: "/", user: { uid: 0, gid: 0 }, args: ["sh"], env: ["PATH=/bin"], ...process },
    ...parts,
    linux: { namespaces: NAMESPACES, ...linux },
  };
}

describe("planContainer", () => {
  test("the whole of a container, as text", () => {
    const plan = planContainer(
      spec(
        {
          hostname: "box",
          root: { path: "rootfs", readonly: true },
          mounts: [
            { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
            { destination: "/dev", type: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { destination: "/data", type: "bind", source: "/host/data", options: ["rbind", "ro", "rprivate"] },
            { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] },
          ],
        },
        {
          terminal: true,
          noNewPrivileges: true,
          capabilities: { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] },
        },
        {
          maskedPaths: ["/proc/kcore"],
          readonlyPaths: ["/proc/sys"],
          sysctl: { "net.ipv4.ip_unprivileged_port_start": "0" },
        },
      ),
      { ...OPTIONS, seccomp: { program: new Uint8Array(16), flags: 0 }, init: true },
    );
    expect(formatPlan(plan)).toBe(`clone-namespaces flags=0x6c020000  # linux.namespaces
enter-cgroup version=1 path="/sys/fs/cgroup/cpu,cpuacct/g/1" below=""  # linux.cgroupsPath
unshare flags=0x2000000  # linux.namespaces
set-propagation flags=0x84000  # linux.rootfsPropagation
open-source slot=0 recursive=1 propagation=0 path="/host/data"  # mounts[2]
open-source slot=1 recursive=0 propagation=0 path="/sys/fs/cgroup/cpu,cpuacct/g/1"  # mounts[3]
root-overlay legacy=0 label="" upper="/u" work="/w" lower=["/l2","/l1"]  # root.path
session-keyring permissions=0x80000 name=""  # keyring
mount-new slot=0 keep=0 copyUp=0 inheritMode=0 attributes=14 propagation=0 type="proc" source="proc" target="/proc" options=[]  # mounts[0]
mount-new slot=0 keep=0 copyUp=0 inheritMode=0 attributes=34 propagation=0 type="tmpfs" source="tmpfs" target="/dev" options=["mode=755","size=65536k"]  # mounts[1]
mount-source slot=0 keep=0 set=1 clear=0 implied=0x20000e recursiveSet=0 recursiveClear=0 propagation=0x44000 overProc=0 isProc=0 target="/data"  # mounts[2]
mount-new slot=0 keep=0 copyUp=0 inheritMode=0 attributes=14 propagation=0 type="tmpfs" source="tmpfs" target="/sys/fs/cgroup" options=["mode=755","size=64k"]  # mounts[3]
mount-source slot=1 keep=0 set=3 clear=0 implied=0x20000c recursiveSet=0 recursiveClear=0 propagation=0x40000 overProc=0 isProc=0 target="/sys/fs/cgroup/cpu,cpuacct"  # mounts[3]
make-link replace=0 path="/sys/fs/cgroup/cpu" target="cpu,cpuacct"  # mounts[3]
make-link replace=0 path="/sys/fs/cgroup/cpuacct" target="cpu,cpuacct"  # mounts[3]
readonly-path path="/sys/fs/cgroup"  # mounts[3]
make-device mode=0x21b6 major=1 minor=3 uid=0 gid=0 path="/dev/null"  # default device
make-device mode=0x21b6 major=1 minor=5 uid=0 gid=0 path="/dev/zero"  # default device
make-device mode=0x21b6 major=1 minor=7 uid=0 gid=0 path="/dev/full"  # default device
make-device mode=0x21b6 major=1 minor=8 uid=0 gid=0 path="/dev/random"  # default device
make-device mode=0x21b6 major=1 minor=9 uid=0 gid=0 path="/dev/urandom"  # default device
make-device mode=0x21b6 major=5 minor=0 uid=0 gid=0 path="/dev/tty"  # default device
make-link replace=0 path="/dev/fd" target="/proc/self/fd"  # default link
make-link replace=0 path="/dev/stdin" target="/proc/self/fd/0"  # default link
make-link replace=0 path="/dev/stdout" target="/proc/self/fd/1"  # default link
make-link replace=0 path="/dev/stderr" target="/proc/self/fd/2"  # default link
make-link replace=1 path="/dev/ptmx" target="pts/ptmx"  # default link
open-console bind=1  # process.terminal
make-directory mode=493 path="/"  # process.cwd
pivot-root  # root
sysctl path="sys/net/ipv4/ip_unprivileged_port_start" value="0"  # linux.sysctl["net.ipv4.ip_unprivileged_port_start"]
set-hostname name="box"  # hostname
readonly-path path="/proc/sys"  # linux.readonlyPaths[0]
mask-path label="" path="/proc/kcore"  # linux.maskedPaths[0]
readonly-root  # root.readonly
barrier  # start
rlimit resource=7 soft=1024 hard=0xffffffffffffffff  # default soft limit of open files
session terminal=1 uid=0  # process.terminal
bounding-set mask=32  # process.capabilities.bounding
set-user uid=0 gid=0 groups=<0 bytes>  # process.user
set-capabilities effective=32 permitted=32 inheritable=0 ambient=0  # process.capabilities
umask mask=18  # process.user.umask
change-directory path="/"  # process.cwd
no-new-privileges  # process.noNewPrivileges
environment variables=["PATH=/bin"]  # process.env
seccomp flags=0 program=<16 bytes>  # linux.seccomp
become-init profile="" label=""  # init
execute arguments=["sh"]  # process.args
`);
  });

  test("links of the root come before the mounts, which may hide them", () => {
    const mounts = [{ destination: "/etc", type: "bind", source: "/host/etc", options: ["bind", "ro"] }];
    const { steps } = planContainer(spec({ mounts }), { ...OPTIONS, links: [["/etc/mtab", "/proc/mounts"]] });
    const operations = steps.filter(({ op, cause }) => cause.startsWith("root") || op === "mount-source");
    expect(operations.map(({ op }) => op)).toEqual(["root-overlay", "make-link", "mount-source", "pivot-root"]);
    expect(operations[1]).toMatchObject({ path: "/etc/mtab", target: "/proc/mounts" });
  });

  test("without no_new_privs the filter comes while CAP_SYS_ADMIN is still there", () => {
    const plan = planContainer(spec(), { ...OPTIONS, seccomp: { program: new Uint8Array(8), flags: 0 } });
    const names = plan.steps.map((step) => step.op);
    expect(names.indexOf("seccomp")).toBeLessThan(names.indexOf("set-user"));
  });

  test("a namespace is joined by its path", () => {
    const namespaces = [{ type: "mount" as const }, { type: "network" as const, path: "/proc/1/ns/net" }];
    const plan = planContainer(spec({}, {}, { namespaces }), OPTIONS);
    expect(formatPlan(plan).split("\n").slice(0, 3)).toEqual([
      "clone-namespaces flags=0x20000  # linux.namespaces",
      'enter-cgroup version=1 path="/sys/fs/cgroup/cpu,cpuacct/g/1" below=""  # linux.cgroupsPath',
      'join-namespace kind=0x40000000 path="/proc/1/ns/net"  # linux.namespaces[1]',
    ]);
  });

  const refused: readonly (readonly [string, RuntimeSpec])[] = [
    ["linux.namespaces: a container without a mount namespace", spec({}, {}, { namespaces: [] })],
    ["linux.namespaces[1]: a second pid namespace", spec({}, {}, { namespaces: [{ type: "pid" }, { type: "pid" }] })],
    ["hooks.poststart: hooks are not supported yet", spec({ hooks: { poststart: [{ path: "/x" }] } })],
    ["process.args: no command specified", spec({}, { args: [] })],
    ['process.cwd: "x" is not an absolute path', spec({}, { cwd: "x" })],
    ["process.rlimits[0].type: no such limit: X", spec({}, { rlimits: [{ type: "X", soft: 1, hard: 1 }] })],
    [
      'mounts[0].destination: "/proc/sys" is inside of /proc',
      spec({ mounts: [{ destination: "/proc/./sys/", type: "bind", source: "/x" }] }),
    ],
    ['mounts[0].destination: a mount cannot replace "/"', spec({ mounts: [{ destination: "/..", type: "tmpfs" }] })],
    ['linux.sysctl["kernel/../../x"]: not a name of a sysctl', spec({}, {}, { sysctl: { "kernel/../../x": "1" } })],
  ];
  test.each(refused)("refuses by name: %s", (message, bad) => {
    expect(() => planContainer(bad, OPTIONS)).toThrow(message);
  });
});

describe("planExec", () => {
  test("joins all namespaces of a process, then becomes the program", () => {
    const process: Process = { cwd: "/", user: { uid: 1, gid: 2 }, args: ["ls"], oomScoreAdj: -500 };
    const plan = planExec(process, {
      pid: 42,
      startTime: 7,
      namespaces: ["pid", "mount"],
      cgroups: [{ version: 2, path: "/sys/fs/cgroup/g" }],
    });
    expect(formatPlan(plan).split("\n").slice(0, 3)).toEqual([
      'enter-cgroup version=2 path="/sys/fs/cgroup/g" below=""  # linux.cgroupsPath',
      "join-process pid=42 startTime=7 kinds=0x20020000  # container",
      'session-keyring permissions=0x80000 name=""  # keyring',
    ]);
  });
});
