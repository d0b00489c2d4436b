import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GantryError } from "../../errors/gantry-error.ts";
import type { Linux, Mount } from "../../oci/runtime-spec.ts";
import { encodePlan } from "./encode-plan.ts";
import { formatPlan } from "./format-plan.ts";
import { mountOptionNames } from "./mount-options.ts";
import { type MountContext, planMounts } from "./plan-mounts.ts";

const V1: MountContext["cgroups"] = [
  { version: 1, path: "/sys/fs/cgroup/cpu,cpuacct/g/1" },
  { version: 1, path: "/sys/fs/cgroup/pids/g/1" },
];
const V2: MountContext["cgroups"] = [{ version: 2, path: "/sys/fs/cgroup/g/1" }];
const isolated: Linux = { namespaces: [{ type: "mount" }, { type: "cgroup" }] };
const inUser: Linux = { namespaces: [{ type: "mount" }, { type: "user" }] };

/** The plan's text, without what is 0 or empty and without causes. */
function text(mounts: readonly Mount[], context: Partial<MountContext> = {}): string[] {
  const { sources, mounts: steps, late } = planMounts(mounts, { cgroups: [], linux: {}, ...context });
  return formatPlan({ steps: [...sources, ...steps, ...late] })
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ {2}#.*$/, "").replace(/ (?!slot)\w+=(?:0|\[\]|"")(?= |$)/g, ""));
}

describe("bind mounts", () => {
  test("a wish for one attribute is a wish against the others; without any they stay as they come", () => {
    expect(
      text([
        { destination: "/a", source: "/x", options: ["bind"] },
        { destination: "/b", source: "/x", options: ["rbind", "nosuid", "exec", "rro"] },
      ]),
    ).toEqual([
      'open-source slot=0 path="/x"',
      'open-source slot=1 recursive=1 path="/x"',
      'mount-source slot=0 target="/a"',
      'mount-source slot=1 set=2 clear=8 implied=0x200005 recursiveSet=1 target="/b"',
    ]);
  });

  test("in a user namespace attributes may be locked: nothing is cleared that was not asked for", () => {
    expect(text([{ destination: "/b", source: "/x", options: ["bind", "ro"] }], { linux: inUser })).toEqual([
      'open-source slot=0 propagation=0x84000 path="/x"',
      'mount-source slot=0 set=1 target="/b"',
    ]);
  });

  test("a source begins at the bundle, a destination at the root", () => {
    expect(text([{ destination: "a/../b/", source: "../x", options: ["bind"] }], { bundle: "/c/d" })).toEqual([
      'open-source slot=0 path="/c/x"',
      'mount-source slot=0 target="/b"',
    ]);
  });

  test("a relative destination is warned of", () => {
    const { warnings } = planMounts(
      [
        { destination: "a", type: "tmpfs" },
        { destination: "/b", type: "tmpfs" },
      ],
      {
        cgroups: [],
        linux: {},
      },
    );
    expect(warnings).toEqual(['mounts[0].destination: "a" is not absolute, which is deprecated: it begins at "/"']);
  });

  test("options of a file system for a bind mount are warned of", () => {
    const { warnings } = planMounts(
      [
        { destination: "/a", source: "/x", options: ["bind", "size=1"] },
        { destination: "/b", type: "tmpfs" },
      ],
      {
        cgroups: [],
        linux: {},
      },
    );
    expect(warnings).toEqual([
      'mounts[0].options: a bind mount has no options of a file system: "size=1" has no effect',
    ]);
  });

  test("ids are mapped as the mount says, or as the user namespace does", () => {
    const uidMappings = [{ containerID: 0, hostID: 1000, size: 10 }];
    const gidMappings = [...uidMappings, { containerID: 10, hostID: 9, size: 1 }];
    const mount: Mount = { destination: "/a", source: "/x", options: ["rbind", "ridmap"] };
    const own = text([{ ...mount, uidMappings, gidMappings }]);
    expect(own[1]).toBe('map-ids slot=0 recursive=1 users="0 1000 10\\n" groups="0 1000 10\\n10 9 1\\n"');
    expect(text([mount], { linux: { uidMappings, gidMappings: uidMappings } })[1]).toBe(
      'map-ids slot=0 recursive=1 users="0 1000 10\\n" groups="0 1000 10\\n"',
    );
  });

  test("several propagations follow each other, on the mount that is kept for it", () => {
    expect(text([{ destination: "/a", source: "/x", options: ["bind", "rslave", "shared"] }]).slice(1)).toEqual([
      'mount-source slot=0 keep=1 propagation=0x84000 target="/a"',
      "change-mount slot=0 propagation=0x100000",
    ]);
  });

  test("what lxcfs replaces in /proc may be covered", () => {
    expect(text([{ destination: "/proc/meminfo", source: "/x", options: ["bind"] }])[1]).toBe(
      'mount-source slot=0 overProc=1 target="/proc/meminfo"',
    );
  });
});

describe("new file systems", () => {
  test("a read-only tmpfs, or /dev, is written to until everything is in its place", () => {
    expect(
      text([
        { destination: "/run", type: "tmpfs", options: ["ro", "nosuid", "mode=700"] },
        { destination: "/dev", type: "devtmpfs", source: "d", options: ["ro"] },
      ]),
    ).toEqual([
      'mount-new slot=0 keep=1 attributes=2 type="tmpfs" source="tmpfs" target="/run" options=["mode=700"]',
      'mount-new slot=1 keep=1 type="devtmpfs" source="d" target="/dev"',
      "change-mount slot=0 set=1",
      "change-mount slot=1 set=1",
    ]);
  });

  test("a tmpfs has the mode of what it hides, and its content if that is asked for", () => {
    expect(text([{ destination: "/t", type: "tmpfs", options: ["tmpcopyup"] }])).toEqual([
      'mount-new slot=0 copyUp=1 inheritMode=1 type="tmpfs" source="tmpfs" target="/t"',
    ]);
  });

  test("flags of a superblock go to the file system, but no read-only to one that others share", () => {
    expect(
      text([
        { destination: "/d", type: "ext4", source: "/dev/vdb", options: ["ro", "dirsync", "iversion", "data=journal"] },
        { destination: "/sys", type: "sysfs", options: ["ro", "iversion"] },
      ]),
    ).toEqual([
      'mount-new slot=0 attributes=1 type="ext4" source="/dev/vdb" target="/d" options=["ro","dirsync","i_version","data=journal"]',
      'mount-new slot=0 attributes=1 type="sysfs" source="sysfs" target="/sys"',
    ]);
  });

  test("a remount changes what is there: the file system, or with bind the mount alone", () => {
    expect(
      text([
        { destination: "/proc", type: "proc", options: ["remount", "nosuid", "hidepid=2"] },
        { destination: "/x", options: ["bind", "remount", "ro"] },
      ]),
    ).toEqual([
      'remount superblock=1 set=2 clear=0x20000d target="/proc" options=["rw","hidepid=2"]',
      'remount set=1 clear=0x20000e target="/x"',
    ]);
  });
});

describe("cgroups", () => {
  const mount: Mount = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid"] };

  test("on v1 a tmpfs with a folder for each hierarchy, and links", () => {
    expect(text([mount], { cgroups: V1, linux: isolated })).toEqual([
      'open-source slot=0 path="/sys/fs/cgroup/cpu,cpuacct/g/1"',
      'open-source slot=1 path="/sys/fs/cgroup/pids/g/1"',
      'mount-new slot=0 attributes=14 type="tmpfs" source="tmpfs" target="/sys/fs/cgroup" options=["mode=755","size=64k"]',
      'mount-source slot=0 set=3 implied=0x20000c propagation=0x40000 target="/sys/fs/cgroup/cpu,cpuacct"',
      'make-link path="/sys/fs/cgroup/cpu" target="cpu,cpuacct"',
      'make-link path="/sys/fs/cgroup/cpuacct" target="cpu,cpuacct"',
      'mount-source slot=1 set=3 implied=0x20000c propagation=0x40000 target="/sys/fs/cgroup/pids"',
      'readonly-path path="/sys/fs/cgroup"',
    ]);
  });

  test("on v2 the container's own folder, and all of it without a namespace", () => {
    expect(text([mount], { cgroups: V2, linux: isolated })).toEqual([
      'open-source slot=0 path="/sys/fs/cgroup/g/1"',
      'mount-source slot=0 set=3 implied=0x20000c propagation=0x40000 target="/sys/fs/cgroup"',
    ]);
    expect(text([mount], { cgroups: V2 })).toEqual([
      'mount-new slot=0 attributes=3 type="cgroup2" source="cgroup" target="/sys/fs/cgroup"',
    ]);
  });

  test("all of v2 is mounted with the options that the host has it with", () => {
    const options = ["ro", "nosuid", "nsdelegate"];
    const context = { cgroups: V2, cgroupOptions: ["nsdelegate", "memory_recursiveprot"] };
    expect(text([{ ...mount, options }], context)).toEqual([
      'mount-new slot=0 attributes=3 type="cgroup2" source="cgroup" target="/sys/fs/cgroup" options=["nsdelegate","memory_recursiveprot"]',
    ]);
    expect(text([mount], { ...context, linux: isolated }).join()).not.toContain("nsdelegate");
  });

  test("cgroup2 beside v1 is the unified hierarchy", () => {
    const unified: Mount = { ...mount, type: "cgroup2" };
    const cgroups = [...V1, { version: 2, path: "/sys/fs/cgroup/unified/g/1" } as const];
    expect(text([unified], { cgroups, linux: isolated })[0]).toBe(
      'open-source slot=0 path="/sys/fs/cgroup/unified/g/1"',
    );
    expect(text([unified], { cgroups: V1, linux: isolated })).toEqual([
      'mount-new slot=0 attributes=3 type="cgroup2" source="cgroup" target="/sys/fs/cgroup"',
    ]);
  });

  test("without folders of its own a container sees none, and never the host's (CVE-2023-25809)", () => {
    for (const type of ["cgroup", "cgroup2"])
      for (const options of [["ro"], ["rw"], []])
        expect(text([{ ...mount, type, options }], { linux: inUser })).toEqual([
          'mount-new slot=0 keep=1 attributes=14 type="tmpfs" source="tmpfs" target="/sys/fs/cgroup" options=["mode=555","size=4k","nr_inodes=2"]',
          "change-mount slot=0 set=1",
        ]);
  });
});

describe("refusals", () => {
  const refused: readonly (readonly [string, Mount])[] = [
    [
      'mounts[0].source: a bind mount needs an absolute path, not "x"',
      { destination: "/a", source: "x", options: ["bind"] },
    ],
    ['mounts[0].source: a bind mount needs an absolute path, not ""', { destination: "/a", type: "bind" }],
    ["mounts[0].destination: missing", { destination: "", type: "tmpfs" }],
    ['mounts[0].destination: a mount cannot replace "/"', { destination: "..", type: "tmpfs" }],
    ['"/proc/meminfo" is inside of /proc', { destination: "/proc/meminfo", type: "tmpfs" }],
    ['"/proc/sys/kernel" is inside of /proc', { destination: "proc/sys/kernel", source: "/x", options: ["bind"] }],
    ['"/proc/1" is inside of /proc', { destination: "/x/../proc/1", type: "proc", options: ["remount"] }],
    ["only a proc file system can be at /proc", { destination: "/proc/", type: "tmpfs" }],
    ["mounts[0].type: missing", { destination: "/a" }],
    ['"tmpcopyup" is for a tmpfs, not for ext4', { destination: "/a", type: "ext4", options: ["tmpcopyup"] }],
    ["ids are mapped for bind mounts alone", { destination: "/a", type: "tmpfs", options: ["idmap"] }],
    ["needs uidMappings and gidMappings", { destination: "/a", source: "/x", options: ["bind", "idmap"] }],
    [
      "needs uidMappings and gidMappings",
      { destination: "/a", source: "/x", options: ["bind"], uidMappings: [{ containerID: 0, hostID: 0, size: 1 }] },
    ],
    [
      "mounts[0].uidMappings[0].size: not an id: -1",
      {
        ...{ destination: "/a", source: "/x", options: ["bind", "idmap"] },
        uidMappings: [{ containerID: 0, hostID: 0, size: -1 }],
        gidMappings: [{ containerID: 0, hostID: 0, size: 1 }],
      },
    ],
  ];
  test.each(refused)("%s", (message, mount) => {
    expect(() => text([mount])).toThrow(message);
  });

  test("any mounts become a plan that can be encoded, or one error of ours", () => {
    const path = fc.oneof(fc.string(), fc.stringMatching(/^(\/?(\.\.|proc|dev|a|sys)){1,4}\/?$/));
    const id = fc.oneof(fc.integer(), fc.double());
    const mappings = fc.array(fc.record({ containerID: id, hostID: id, size: id }), { maxLength: 3 });
    const mount = fc.record(
      {
        destination: path,
        source: path,
        type: fc.constantFrom("bind", "tmpfs", "proc", "sysfs", "cgroup", "cgroup2", "none", ""),
        options: fc.array(fc.oneof(fc.constantFrom(...mountOptionNames()), fc.string()), { maxLength: 6 }),
        uidMappings: mappings,
        gidMappings: mappings,
      },
      { requiredKeys: ["destination"] },
    );
    fc.assert(
      fc.property(
        fc.array(mount, { maxLength: 4 }),
        fc.constantFrom(...[V1, V2, []]),
        fc.constantFrom(...[isolated, inUser, {}]),
        (mounts, cgroups, linux) => {
          try {
            const steps = planMounts(mounts, { cgroups, linux, bundle: "/b" });
            const all = [...steps.sources, ...steps.mounts, ...steps.late];
            encodePlan({ steps: all });
            for (const step of all)
              if ("target" in step && step.op !== "make-link") expect(step.target).toMatch(/^\/(?!\.\.(\/|$))./);
          } catch (error) {
            expect(error).toBeInstanceOf(GantryError);
          }
        },
      ),
    );
  });
});
