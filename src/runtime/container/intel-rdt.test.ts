import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IntelRdt, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { createIntelRdt, removeIntelRdt, requireResctrl, updateIntelRdt } from "./intel-rdt.ts";

// A folder in the place of the kernel's: it makes no files by itself.
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gantry-resctrl-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const spec = (intelRdt?: IntelRdt): RuntimeSpec => ({ ociVersion: "1.3.0", linux: intelRdt ? { intelRdt } : {} });

test("a host without resctrl is told so, and only those who want it", () => {
  expect(() => requireResctrl(spec({}), root)).toThrow(
    `linux.intelRdt: this host has no resctrl file system at ${root}`,
  );
  requireResctrl(spec(), root);
  mkdirSync(join(root, "info"));
  requireResctrl(spec({}), root);
});

test("a class of its own has its lines, and goes with it", () => {
  const wanted = spec({ l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=50" });
  expect(createIntelRdt(wanted, { id: "c1", root })).toEqual([join(root, "c1/tasks")]);
  expect(readFileSync(join(root, "c1/schemata"), "utf8")).toBe("L3:0=f\nMB:0=50\n");
  rmSync(join(root, "c1/schemata"));
  removeIntelRdt(wanted, { id: "c1", root });
  removeIntelRdt(wanted, { id: "c1", root });
  expect(existsSync(join(root, "c1"))).toBe(false);
});

test("a class that others share is taken as it is, and stays", () => {
  const wanted = spec({ closID: "gold", schemata: ["L3:0=f"] });
  mkdirSync(join(root, "gold"));
  writeFileSync(join(root, "gold/schemata"), "    L3:0=f\n    MB:0=100\n");
  createIntelRdt(wanted, { id: "c1", root });
  expect(() => createIntelRdt(spec({ closID: "gold", schemata: ["L3:0=1"] }), { id: "c1", root })).toThrow(
    `the class ${join(root, "gold")} is there without "L3:0=1"`,
  );
  removeIntelRdt(wanted, { id: "c1", root });
  expect(existsSync(join(root, "gold"))).toBe(true);
  expect(() => createIntelRdt(spec({ closID: "silver" }), { id: "c1", root })).toThrow("silver is not there");
});

test("update changes the lines of a class, and says why where there is none to change", () => {
  const change = { l3CacheSchema: "L3:0=3", memBwSchema: "MB:0=20" };
  expect(() => updateIntelRdt(spec({}), change, { id: "c1", root })).toThrow("no resctrl file system");
  mkdirSync(join(root, "info"));
  expect(() => updateIntelRdt(spec(), change, { id: "c1", root })).toThrow('"c1" was made without a class of resctrl');
  for (const [intelRdt, name] of [
    [{ l3CacheSchema: "L3:0=f" }, "c1"] as const,
    [{ closID: "gold" }, "gold"] as const,
  ]) {
    mkdirSync(join(root, name));
    updateIntelRdt(spec(intelRdt), change, { id: "c1", root });
    expect(readFileSync(join(root, name, "schemata"), "utf8")).toBe("L3:0=3\nMB:0=20\n");
  }
  expect(() => updateIntelRdt(spec({}), { memBwSchema: "L3:0=3" }, { id: "c1", root })).toThrow('begin with "MB:"');
});

test("a group that watches this container alone goes with it, its class does not", () => {
  const wanted = spec({ closID: "gold", enableMonitoring: true });
  mkdirSync(join(root, "gold"));
  const group = join(root, "gold/mon_groups/c1");
  expect(createIntelRdt(wanted, { id: "c1", root })).toEqual([join(root, "gold/tasks"), join(group, "tasks")]);
  expect(existsSync(group)).toBe(true);
  removeIntelRdt(wanted, { id: "c1", root });
  expect([existsSync(group), existsSync(join(root, "gold"))]).toEqual([false, true]);
});
