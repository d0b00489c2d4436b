import { describe, expect, test } from "bun:test";
import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { CheckpointFlags, RestoreFlags } from "./checkpoint-flags.ts";
import { externalPlaces } from "./external-mounts.ts";
import { planDump } from "./plan-dump.ts";
import { parseCgroupRoots, planJoined, planRestore } from "./plan-restore.ts";

const COMMON: RestoreFlags = {
  imagePath: "/images",
  tcpEstablished: false,
  extUnixSk: false,
  shellJob: false,
  lazyPages: false,
  fileLocks: false,
  autoDedup: false,
  cgroupMode: "default",
};
const DUMP: CheckpointFlags = {
  ...COMMON,
  leaveRunning: false,
  tcpSkipInFlight: false,
  linkRemap: false,
  preDump: false,
};

const SPEC: RuntimeSpec = {
  ociVersion: "1.2.0",
  mounts: [
    { destination: "/proc", type: "proc" },
    { destination: "conf/", type: "bind", source: "conf" },
    { destination: "/data", source: "/srv/data", options: ["rbind", "ro"] },
    { destination: "/data", options: ["remount", "bind", "ro"] },
    { destination: "/sys/fs/cgroup", type: "cgroup", options: ["ro"] },
  ],
  linux: {
    namespaces: [{ type: "pid" }, { type: "network", path: "/run/netns/one" }, { type: "ipc", path: "/proc/9/ns/ipc" }],
    maskedPaths: ["/proc/kcore"],
    devices: [{ path: "/dev/fuse", type: "c", major: 10, minor: 229 }],
  },
};
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty", "fuse"].map((name) => `/dev/${name}`);
const V1 = [
  { version: 1, path: "/sys/fs/cgroup/memory/one" },
  { version: 1, path: "/sys/fs/cgroup/cpu,cpuacct/one" },
] as const;
const V2 = [{ version: 2, path: "/sys/fs/cgroup/one" }] as const;

describe("places of the host in a container", () => {
  test("are bind mounts, v1 control groups and devices", () => {
    expect(externalPlaces(SPEC, { bundle: "/bundle", cgroups: V1 })).toEqual([
      { destination: "/conf", source: "/bundle/conf" },
      { destination: "/data", source: "/srv/data" },
      { destination: "/sys/fs/cgroup/memory", source: "/sys/fs/cgroup/memory/one" },
      { destination: "/sys/fs/cgroup/cpu,cpuacct", source: "/sys/fs/cgroup/cpu,cpuacct/one" },
      ...DEVICES.map((path) => ({ destination: path, source: path })),
    ]);
  });

  test("are control groups of v2 in a user namespace alone", () => {
    const placesWith = (type: "cgroup" | "user" | "uts"): readonly string[] => {
      const linux = { ...SPEC.linux, namespaces: [{ type }] };
      return externalPlaces({ ...SPEC, linux }, { bundle: "/", cgroups: V2 }).map(({ destination }) => destination);
    };
    expect(placesWith("uts")).toEqual(["/conf", "/data", ...DEVICES]);
    expect(placesWith("cgroup")).toEqual(["/conf", "/data", ...DEVICES]);
    expect(placesWith("user")).toEqual(["/conf", "/data", "/sys/fs/cgroup", ...DEVICES]);
  });
});

const PLACES = [
  { destination: "/conf", source: "/bundle/conf" },
  { destination: "/dev/null", source: "/dev/null" },
];
const RESOLVED = new Map([["/conf", "/real/conf"]]);

describe("a dump", () => {
  test("is what criu is asked for", () => {
    const facts = {
      imagesDirFd: 10,
      workDirFd: 11,
      pid: 42,
      rootfs: "/bundle/rootfs",
      freezer: "/sys/fs/cgroup/one",
      places: PLACES,
      resolved: RESOLVED,
      maskedFiles: ["/proc/kcore"],
      joined: { network: 4026531840 },
    };
    expect(planDump(SPEC, { ...DUMP, cgroupMode: "soft", parentPath: "../before" }, facts)).toEqual({
      imagesDirFd: 10,
      workDirFd: 11,
      logLevel: 4,
      logFile: "dump.log",
      configFile: "/etc/criu/runc.conf",
      notifyScripts: true,
      orphanPtsMaster: true,
      manageCgroups: true,
      cgroupMode: "soft",
      emptyNamespaces: 0x40000000,
      tcpEstablished: false,
      extUnixSk: false,
      shellJob: false,
      lazyPages: false,
      fileLocks: false,
      autoDedup: false,
      pid: 42,
      root: "/bundle/rootfs",
      leaveRunning: false,
      tcpSkipInFlight: false,
      linkRemap: false,
      freezeCgroup: "/sys/fs/cgroup/one",
      parentImage: "../before",
      trackMemory: true,
      external: ["net[4026531840]:extRootNetNS"],
      externalMounts: [
        { key: "/real/conf", value: "/real/conf" },
        { key: "/dev/null", value: "/dev/null" },
        { key: "/proc/kcore", value: "/dev/null" },
      ],
    });
  });

  test("of memory alone tells of no mounts; an annotation names criu's configuration, or none", () => {
    const facts = {
      imagesDirFd: 10,
      pid: 1,
      rootfs: "/",
      places: PLACES,
      resolved: RESOLVED,
      maskedFiles: [],
      joined: {},
    };
    expect(planDump(SPEC, { ...DUMP, preDump: true }, facts).externalMounts).toBeUndefined();
    const withConfig = (file: string): RuntimeSpec => ({ ...SPEC, annotations: { "org.criu.config": file } });
    expect(planDump(withConfig("/etc/own.conf"), DUMP, facts).configFile).toBe("/etc/own.conf");
    expect(planDump(withConfig(""), DUMP, facts).configFile).toBeUndefined();
  });
});

describe("a restore", () => {
  test("is what criu is asked for", () => {
    const planned = planRestore(
      SPEC,
      { ...COMMON, lsmProfile: "apparmor:one" },
      {
        imagesDirFd: 10,
        root: "/run/one/criu-root",
        places: PLACES,
        resolved: RESOLVED,
        nullDevice: "/run/one/criu-null/null",
        cgroupRoots: [{ controller: "", path: "/one" }],
        descriptors: ["/dev/null", "pipe:[11]", "pipe:[12]"],
      },
    );
    expect(planned).toMatchObject({
      logFile: "restore.log",
      root: "/run/one/criu-root",
      evasiveDevices: true,
      restoreSibling: true,
      lsmProfile: "apparmor:one",
      cgroupRoots: [{ controller: "", path: "/one" }],
      inheritFds: [
        { key: "extRootNetNS", fd: 4 },
        { key: "pipe:[11]", fd: 1 },
        { key: "pipe:[12]", fd: 2 },
      ],
      joinNamespaces: [{ kind: "ipc", path: "/proc/9/ns/ipc" }],
      externalMounts: [
        { key: "/real/conf", value: "/bundle/conf" },
        { key: "/dev/null", value: "/run/one/criu-null/null" },
        { key: "/dev/null", value: "/run/one/criu-null/null" },
      ],
    });
  });

  test("into a cgroup namespace by path is refused", () => {
    const spec: RuntimeSpec = {
      ociVersion: "1.2.0",
      linux: { namespaces: [{ type: "cgroup", path: "/proc/9/ns/cgroup" }] },
    };
    expect(() => planJoined(spec)).toThrow("criu cannot join a cgroup namespace (/proc/9/ns/cgroup)");
  });

  test("begins in the groups that criu is in", () => {
    expect(parseCgroupRoots("3:cpu,cpuacct:/a:b\n1:name=systemd:/c\n0::/d\n")).toEqual([
      { controller: "cpu", path: "/a:b" },
      { controller: "cpuacct", path: "/a:b" },
      { controller: "name=systemd", path: "/c" },
      { controller: "", path: "/d" },
    ]);
  });
});
