import { describe, expect, test } from "bun:test";
import { planSpec, type SpecInput } from "./plan-spec.ts";

const input: SpecInput = {
  rootPath: "/",
  args: ["sh"],
  env: ["PATH=/bin"],
  workingDirectory: "",
  user: { uid: 0, gid: 0, additionalGids: [0] },
  isTerminal: false,
  capabilities: ["CAP_CHOWN"],
  isPrivileged: false,
  hasNoNewPrivileges: false,
  isRootReadOnly: false,
  hostname: "abc",
  domainname: "",
  mounts: [],
  shm: { sizeBytes: 67108864 },
  devices: [],
  deviceRules: [],
  resources: {},
  namespaces: { pid: "new", network: "new", ipc: "new", uts: "new", cgroup: "host" },
  cgroupsPath: "/gantry-0/abc",
  knownSysctls: ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"],
};

const lines = (over: Partial<SpecInput> = {}): string[] =>
  (planSpec({ ...input, ...over }).mounts ?? []).map(
    (mount) => `${mount.destination} ${mount.type} ${mount.source} ${mount.options?.join(",")}`,
  );

describe("planSpec", () => {
  test("is what Docker makes of a container without options", () => {
    const { mounts: _mounts, linux, ...rest } = planSpec(input);
    expect(rest).toEqual({
      ociVersion: "1.2.0",
      root: { path: "/" },
      process: {
        cwd: "/",
        env: ["PATH=/bin"],
        args: ["sh"],
        user: { uid: 0, gid: 0, additionalGids: [0] },
        capabilities: { bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"] },
        oomScoreAdj: 0,
      },
      hostname: "abc",
    });
    expect(lines()).toEqual([
      "/proc proc proc nosuid,noexec,nodev",
      "/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k",
      "/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
      "/sys sysfs sysfs nosuid,noexec,nodev,ro",
      "/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev",
      "/dev/mqueue mqueue mqueue nosuid,noexec,nodev",
      "/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864",
    ]);
    expect(linux?.namespaces?.map((namespace) => namespace.type)).toEqual(["mount", "network", "uts", "pid", "ipc"]);
    expect(linux?.sysctl).toEqual({
      "net.ipv4.ping_group_range": "0 2147483647",
      "net.ipv4.ip_unprivileged_port_start": "0",
    });
    expect(linux?.readonlyPaths).toEqual(["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]);
    expect(linux?.maskedPaths).toContain("/proc/interrupts");
    expect(linux?.resources?.devices?.[0]).toEqual({ allow: false, access: "rwm" });
  });

  test("privileged: nothing masked, all devices, /sys and cgroups writable", () => {
    const { linux } = planSpec({ ...input, isPrivileged: true });
    expect([linux?.maskedPaths, linux?.readonlyPaths]).toEqual([[], []]);
    expect(linux?.resources?.devices).toEqual([{ allow: true, access: "rwm" }]);
    expect(lines({ isPrivileged: true }).filter((line) => line.startsWith("/sys"))).toEqual([
      "/sys sysfs sysfs nosuid,noexec,nodev",
      "/sys/fs/cgroup cgroup cgroup nosuid,noexec,nodev",
    ]);
  });

  test("namespaces of the host are left out with what belongs to them, joined ones have a path", () => {
    const { hostname, linux } = planSpec({
      ...input,
      namespaces: { pid: "host", network: { path: "/p" }, ipc: "host", uts: "host", cgroup: "new" },
    });
    expect(linux?.namespaces).toEqual([{ type: "mount" }, { type: "network", path: "/p" }, { type: "cgroup" }]);
    expect([hostname, linux?.sysctl]).toEqual([undefined, undefined]);
  });

  test("the caller's mounts hide Docker's at and below their targets, and outer ones come first", () => {
    const bind = (target: string, propagation = "rprivate"): SpecInput["mounts"][number] => ({
      type: "bind",
      source: "/src",
      target,
      isReadOnly: true,
      propagation,
      isRecursive: true,
    });
    expect(lines({ mounts: [bind("/dev/x"), bind("/dev")] }).filter((line) => line.startsWith("/dev"))).toEqual([
      "/dev bind /src rbind,ro,rprivate",
      "/dev/x bind /src rbind,ro,rprivate",
    ]);
    expect(planSpec({ ...input, mounts: [bind("/a", "rslave")] }).linux?.rootfsPropagation).toBe("slave");
    expect(planSpec({ ...input, mounts: [bind("/a", "shared")] }).linux?.rootfsPropagation).toBe("shared");
  });

  test("shared memory: none, or somebody's", () => {
    expect(lines({ shm: "none" }).some((line) => line.startsWith("/dev/shm"))).toBe(false);
    expect(lines({ shm: { path: "/run/shm" } }).at(-1)).toBe("/dev/shm bind /run/shm rbind,rprivate");
  });
});
