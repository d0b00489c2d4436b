import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isGantryError } from "../../errors/gantry-error.ts";
import { formatPlan } from "../plan/format-plan.ts";
import { planContainer } from "../plan/plan-container.ts";
import { parseLandlock } from "./parse-landlock.ts";
import { planLandlock } from "./plan-landlock.ts";

const NAMES = ["read", "write", "execute", "tcp.bind", "tcp.connect", "scope", "best-effort"];
const annotate = (rules: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(rules).map(([name, value]) => [`org.gantry.landlock.${name}`, value]));

function planned(rules: Readonly<Record<string, string>>, abi: number): string[] {
  const { rules: steps, restrict } = planLandlock(annotate(rules), abi);
  return formatPlan({ steps: [...steps, ...restrict] })
    .split("\n")
    .filter((line) => line !== "");
}

describe("Landlock by annotations", () => {
  test("each list becomes rules; whatever no list has is refused", () => {
    expect(
      planned(
        {
          read: "/etc:/usr/share",
          execute: "/bin",
          write: "/tmp",
          "tcp.bind": "80,443",
          "tcp.connect": "",
          scope: "signal",
        },
        7,
      ),
    ).toEqual([
      "landlock-ruleset files=0xffff network=3 scope=2  # org.gantry.landlock.*",
      'landlock-path folderAccess=12 fileAccess=4 path="/etc"  # org.gantry.landlock.read',
      'landlock-path folderAccess=12 fileAccess=4 path="/usr/share"  # org.gantry.landlock.read',
      'landlock-path folderAccess=13 fileAccess=5 path="/bin"  # org.gantry.landlock.execute',
      'landlock-path folderAccess=0xfff2 fileAccess=0xc002 path="/tmp"  # org.gantry.landlock.write',
      "landlock-port access=1 port=80  # org.gantry.landlock.tcp.bind",
      "landlock-port access=1 port=443  # org.gantry.landlock.tcp.bind",
      "landlock-restrict  # org.gantry.landlock.*",
    ]);
  });

  test("a kind that no annotation names stays as it is", () => {
    expect(planned({ "tcp.connect": "53" }, 7)[0]).toBe(
      "landlock-ruleset files=0 network=2 scope=0  # org.gantry.landlock.*",
    );
    expect(planLandlock({ "org.other": "x" }, 0)).toEqual({ rules: [], restrict: [] });
  });

  test.each([
    [{ read: "/" }, 4, "restricting files needs version 5 of Landlock, and this kernel has version 4"],
    [{ "tcp.bind": "1" }, 3, "restricting TCP ports needs version 4 of Landlock, and this kernel has version 3"],
    [{ scope: "signal" }, 5, "restricting scopes needs version 6 of Landlock, and this kernel has version 5"],
    [{ read: "/" }, 0, "this kernel has no Landlock"],
  ])("what a kernel cannot restrict is refused: %j with %d", (rules, abi, message) => {
    expect(() => planned(rules as unknown as Record<string, string>, abi)).toThrow(message);
  });

  test("best effort leaves out what the kernel lacks", () => {
    const rules = { write: "/tmp", "tcp.bind": "80", scope: "signal", "best-effort": "true" };
    expect(planned(rules, 2)).toEqual([
      "landlock-ruleset files=0x3fff network=0 scope=0  # org.gantry.landlock.*",
      'landlock-path folderAccess=0x3ff2 fileAccess=2 path="/tmp"  # org.gantry.landlock.write',
      "landlock-restrict  # org.gantry.landlock.*",
    ]);
    expect(planned(rules, 0)).toEqual([]);
    expect(planned({ ...rules, "best-effort": "true", write: "" }, 7)[0]).toContain("files=0xffff network=1 scope=2");
  });

  test.each([
    [{ read: "etc" }, 'org.gantry.landlock.read: "etc" is not an absolute path'],
    [{ read: "/a::/b" }, 'org.gantry.landlock.read: "" is not an absolute path'],
    [{ "tcp.bind": "80;81" }, 'org.gantry.landlock.tcp.bind: "80;81" is not a port'],
    [{ "tcp.bind": "65536" }, "is not a port"],
    [{ scope: "all" }, 'org.gantry.landlock.scope: no such scope: "all"'],
    [{ "best-effort": "yes" }, '"yes" is neither true nor false'],
    [{ reed: "/" }, "org.gantry.landlock.reed: no such annotation"],
  ])("refuses by name: %j", (rules, message) => {
    expect(() => parseLandlock(annotate(rules as unknown as Record<string, string>))).toThrow(message);
  });

  test("refuses lists without end", () => {
    expect(() => parseLandlock(annotate({ read: "/a".padEnd(5000, ":/a") }))).toThrow("more than 1024 entries");
  });

  test("any annotations at all: rules, or a refusal in words", () => {
    const values = fc.oneof(fc.string(), fc.constantFrom("/a:/b", "80,443", "true", "signal", ""));
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), values), fc.nat(9), (rules, abi) => {
        try {
          const { rules: steps, restrict } = planLandlock(annotate(rules), abi);
          expect(restrict.length).toBe(steps.length === 0 ? 0 : 1);
        } catch (error) {
          expect(isGantryError(error, "invalid-argument") || isGantryError(error, "unsupported")).toBe(true);
        }
      }),
    );
  });

  test.each([
    [true, ["landlock-ruleset", "landlock-path", "set-user", "no-new-privileges", "landlock-restrict", "execute"]],
    // Only while CAP_SYS_ADMIN is still there.
    [false, ["landlock-ruleset", "landlock-path", "landlock-restrict", "set-user", "execute"]],
  ])("rules are looked up as root; with no_new_privs %p it restricts itself in time", (noNewPrivileges, order) => {
    const process = { cwd: "/", user: { uid: 1, gid: 1 }, args: ["sh"], noNewPrivileges };
    const linux = { namespaces: [{ type: "mount" as const }] };
    const { steps } = planContainer(
      { ociVersion: "1.3.0", process, linux, annotations: annotate({ read: "/" }) },
      {
        rootfs: { type: "bind", path: "/r" },
        cgroups: [],
        security: { apparmor: false, selinux: false, landlockAbi: 7 },
      },
    );
    expect(steps.map((step) => step.op as string).filter((op) => order.includes(op))).toEqual(order);
  });
});
