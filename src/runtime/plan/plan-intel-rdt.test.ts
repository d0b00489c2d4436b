import { expect, test } from "bun:test";
import type { IntelRdt } from "../../oci/runtime-spec.ts";
import { planIntelRdt } from "./plan-intel-rdt.ts";

const plan = (rdt: IntelRdt) => planIntelRdt(rdt, { id: "c1", root: "/r" });

test("a class of the container's own is made, and removed with it", () => {
  expect(
    plan({ l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=50", schemata: ["L2:0=1"], enableMonitoring: true }),
  ).toEqual({
    folder: "/r/c1",
    existence: "create",
    schemata: ["L3:0=f", "MB:0=50", "L2:0=1"],
    monitorGroup: "/r/c1/mon_groups/c1",
    isOwn: true,
    tasks: ["/r/c1/tasks", "/r/c1/mon_groups/c1/tasks"],
  });
});

test("a class that is named stays; without lines for it, it has to be there", () => {
  expect(plan({ closID: "gold" })).toMatchObject({ folder: "/r/gold", existence: "require", isOwn: false });
  expect(plan({ closID: "gold", schemata: ["L3:0=f"] })).toMatchObject({ existence: "create", isOwn: false });
  expect(plan({ closID: "/", enableMonitoring: true })).toMatchObject({
    folder: "/r",
    monitorGroup: "/r/mon_groups/c1",
  });
});

const refused: readonly (readonly [string, IntelRdt])[] = [
  ['linux.intelRdt.closID: not a name of a class: ".."', { closID: ".." }],
  ['linux.intelRdt.closID: not a name of a class: "a/b"', { closID: "a/b" }],
  ["linux.intelRdt: not a line for schemata", { schemata: ["L3:0=f\nMB:0=1"] }],
  ['linux.intelRdt.memBwSchema: it has to begin with "MB:"', { memBwSchema: "L3:0=f" }],
];
test.each(refused)("refuses by name: %s", (message, rdt) => {
  expect(() => plan(rdt)).toThrow(message);
});
