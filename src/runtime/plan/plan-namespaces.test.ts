import { describe, expect, test } from "bun:test";
import type { IdMapping, Linux, Namespace } from "../../oci/runtime-spec.ts";
import { formatPlan } from "./format-plan.ts";
import { planNamespaces } from "./plan-namespaces.ts";
import type { Caller } from "./plan-user-namespace.ts";

const ALL: readonly Namespace[] = (["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"] as const).map(
  (type) => ({ type }),
);
const MOUNT: Namespace = { type: "mount" };
const RANGE: readonly IdMapping[] = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
const CALLER: Caller = { uid: 1000, gid: 1000, newuidmap: "/u", newgidmap: "/g" };
const OWN: readonly IdMapping[] = [{ containerID: 0, hostID: 1000, size: 1 }];

function text(linux: Linux, caller?: Caller): readonly string[] {
  const { steps, becomeRoot } = planNamespaces(linux, [], caller);
  return formatPlan({ steps: [...steps, ...becomeRoot] })
    .trim()
    .split("\n")
    .map((line) => line.split("  # ")[0] as string);
}

describe("planNamespaces", () => {
  test("all that is new comes with init, but for those that show or keep what init is in", () => {
    expect(
      text({
        namespaces: ALL,
        uidMappings: RANGE,
        gidMappings: [...RANGE, { containerID: 70_000, hostID: 5, size: 1 }],
        timeOffsets: { monotonic: { secs: -3, nanosecs: 5 }, boottime: {} },
      }),
    ).toEqual([
      "clone-namespaces flags=0x7c020000",
      'write-id-map isGroups=0 denySetgroups=0 rootId=0x186a0 tool="" text="0 100000 65536\\n" ranges=[]',
      'write-id-map isGroups=1 denySetgroups=0 rootId=0x186a0 tool="" text="0 100000 65536\\n70000 5 1\\n" ranges=[]',
      'new-time-namespace offsets="monotonic -3 5\\nboottime 0 0\\n"',
      "unshare flags=0x2000000",
      "become-root keepGroups=0",
    ]);
  });

  test("those with a path are joined, that of mounts last, whose paths are others", () => {
    const namespaces: Namespace[] = [
      { type: "mount", path: "/m" },
      { type: "user", path: "/u" },
      { type: "time", path: "/t" },
      { type: "pid" },
    ];
    expect(text({ namespaces })).toEqual([
      "clone-namespaces flags=0x20000000",
      'join-namespace kind=0x10000000 path="/u"',
      'join-namespace kind=128 path="/t"',
      'join-namespace kind=0x20000 path="/m"',
      "become-root keepGroups=0",
    ]);
  });

  test("an ordinary user maps himself without help, and others with it", () => {
    const namespaces: Namespace[] = [MOUNT, { type: "user" }];
    expect(text({ namespaces, uidMappings: OWN, gidMappings: OWN }, CALLER)).toEqual([
      "clone-namespaces flags=0x10020000",
      'write-id-map isGroups=0 denySetgroups=0 rootId=1000 tool="" text="0 1000 1\\n" ranges=[]',
      'write-id-map isGroups=1 denySetgroups=1 rootId=1000 tool="" text="0 1000 1\\n" ranges=[]',
      "become-root keepGroups=1",
    ]);
    const more = [...OWN, { containerID: 1, hostID: 100_000, size: 9 }];
    expect(text({ namespaces, uidMappings: more, gidMappings: more }, CALLER).slice(1)).toEqual([
      'write-id-map isGroups=0 denySetgroups=0 rootId=1000 tool="/u" text="0 1000 1\\n1 100000 9\\n" ranges=["0","1000","1","1","100000","9"]',
      'write-id-map isGroups=1 denySetgroups=0 rootId=1000 tool="/g" text="0 1000 1\\n1 100000 9\\n" ranges=["0","1000","1","1","100000","9"]',
      "become-root keepGroups=0",
    ]);
  });

  const user = { namespaces: [MOUNT, { type: "user" }] } as const;
  const refused: readonly (readonly [string, Linux, Caller?])[] = [
    ["a second mount namespace", { namespaces: [MOUNT, { type: "mount", path: "/m" }] }],
    ["no such namespace: disk", { namespaces: [MOUNT, { type: "disk" as "mount" }] }],
    ['linux.namespaces[0].path: "m" is not an absolute path', { namespaces: [{ type: "mount", path: "m" }] }],
    ["a container without a mount namespace is not supported", { namespaces: [{ type: "pid" }] }],
    ["linux.uidMappings: a new user namespace needs its mappings", user],
    ["linux.gidMappings: a new user namespace needs its mappings", { ...user, uidMappings: RANGE }],
    ["linux.uidMappings: there is no user namespace", { namespaces: [MOUNT], uidMappings: RANGE }],
    [
      "a user namespace that is joined has its mappings",
      { namespaces: [MOUNT, { type: "user", path: "/u" }], uidMappings: RANGE },
    ],
    ["nobody is 0 in the user namespace", { ...user, uidMappings: [{ containerID: 1, hostID: 1, size: 1 }] }],
    [
      "linux.uidMappings[0].size: not a number of ids: 0",
      { ...user, uidMappings: [{ ...OWN[0], size: 0 } as IdMapping] },
    ],
    ["linux.uidMappings[0].hostID: not an id: -1", { ...user, uidMappings: [{ containerID: 0, hostID: -1, size: 1 }] }],
    [
      "linux.uidMappings[0].size: not a number of ids: 4294967295",
      { ...user, uidMappings: [{ containerID: 0, hostID: 1, size: 4_294_967_295 }] },
    ],
    [
      "linux.uidMappings: more than 340 ranges",
      { ...user, uidMappings: Array.from({ length: 341 }, () => OWN[0] as IdMapping) },
    ],
    ["without root a container needs a user namespace", { namespaces: [MOUNT] }, CALLER],
    ["without root these need newuidmap, which is not there", { ...user, uidMappings: RANGE }, { uid: 1, gid: 1 }],
    ["linux.timeOffsets: there is no time namespace", { namespaces: [MOUNT], timeOffsets: {} }],
    [
      "a time namespace that is joined has its offsets already",
      { namespaces: [MOUNT, { type: "time", path: "/t" }], timeOffsets: {} },
    ],
    [
      'no such clock: "realtime"',
      { namespaces: ALL.filter(({ type }) => type !== "user"), timeOffsets: { realtime: {} } },
    ],
    [
      "linux.timeOffsets.boottime.nanosecs: not from 0 to 999999999: 1000000000",
      { namespaces: [MOUNT, { type: "time" }], timeOffsets: { boottime: { nanosecs: 1_000_000_000 } } },
    ],
  ];
  for (const [message, linux, caller] of refused)
    test(`refuses by name: ${message}`, () => {
      expect(() => planNamespaces(linux, [], caller)).toThrow(message);
    });
});
