import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ContainerLabels } from "../../linux/security/selinux-policy.ts";
import type { ContainerConfig } from "./container-config.ts";
import { type ConfinementFacts, planConfinement, sharedLabel } from "./container-confinement.ts";

const LABELS: ContainerLabels = {
  process: "system_u:system_r:container_t:s0",
  file: "system_u:object_r:container_file_t:s0",
  readOnlyFile: "system_u:object_r:container_ro_file_t:s0",
  unconfined: "system_u:system_r:spc_t:s0",
};

function plan(
  config: Partial<ContainerConfig>,
  facts: Partial<ConfinementFacts> & { readonly apparmor?: boolean; readonly labels?: ContainerLabels } = {},
) {
  const { apparmor = false, labels, ...more } = facts;
  return planConfinement(
    { image: "box", ...config },
    {
      security: {
        facts: { apparmor, selinux: labels !== undefined, landlockAbi: 0 },
        ...(labels === undefined ? {} : { labels }),
      },
      isLevelTaken: () => false,
      randomBytes: () => Uint8Array.of(0, 7, 0, 3),
      ...more,
    },
  );
}

describe("planConfinement", () => {
  test("a kernel without modules confines nothing", () => {
    const nothing = { appArmorProfile: "", processLabel: "", mountLabel: "" };
    expect(plan({})).toEqual(nothing);
    expect(plan({ security: { appArmorProfile: "unconfined", labels: ["disable"] } })).toEqual(nothing);
  });

  test.each([
    [{}, "gantry-default"],
    [{ privileged: true }, "unconfined"],
    [{ privileged: true, appArmorProfile: "mine" }, "mine"],
    [{ appArmorProfile: "unconfined" }, "unconfined"],
  ])("the profile of %j", (security, profile) => {
    expect(plan({ security }, { apparmor: true }).appArmorProfile).toBe(profile);
  });

  test.each([
    [{}, "system_u:system_r:container_t:s0:c3,c7", "system_u:object_r:container_file_t:s0:c3,c7"],
    [{ labels: ["user:u", "role:r", "type:t", "filetype:f", "level:s0:c1"] }, "u:r:t:s0:c1", "u:object_r:f:s0:c1"],
    [{ labels: ["disable"] }, "system_u:system_r:spc_t:s0", "system_u:object_r:container_file_t:s0:c1022,c1023"],
    [{ privileged: true }, "system_u:system_r:spc_t:s0", "system_u:object_r:container_file_t:s0:c1022,c1023"],
    [
      { privileged: true, labels: ["type:t"] },
      "system_u:system_r:t:s0:c3,c7",
      "system_u:object_r:container_file_t:s0:c3,c7",
    ],
  ])("the labels of %j", (security, processLabel, mountLabel) => {
    expect(plan({ security }, { labels: LABELS })).toEqual({ appArmorProfile: "", processLabel, mountLabel });
  });

  test("the host's processes or memory are for what is not confined, another's for what has its label", () => {
    const partner = { appArmorProfile: "", processLabel: "u:r:t:s0:c9", mountLabel: "u:object_r:f:s0:c9" };
    expect(plan({ namespaces: { pid: "host" } }, { labels: LABELS }).processLabel).toContain("spc_t");
    expect(plan({ namespaces: { ipc: "container:x" } }, { labels: LABELS, partner })).toEqual(partner);
  });

  test("categories are nobody else's", () => {
    const levels: string[] = [];
    let count = 0;
    const randomBytes = () => Uint8Array.of(0, 1, 0, 2 + (count++ >> 1));
    const isLevelTaken = (level: string) => levels.includes(level);
    for (let made = 0; made < 3; made++)
      levels.push(plan({}, { labels: LABELS, randomBytes, isLevelTaken }).mountLabel.split(":").slice(3).join(":"));
    expect(levels).toEqual(["s0:c1,c2", "s0:c1,c3", "s0:c1,c4"]);
    expect(() => plan({}, { labels: LABELS, isLevelTaken: () => true })).toThrow(
      "no pair of SELinux categories is left",
    );
  });

  test("any random numbers are two different categories, in order, and not those of nobody", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
        let isFirst = true;
        const randomBytes = () => {
          if (!isFirst) return Uint8Array.of(0, 1, 0, 2);
          isFirst = false;
          return bytes;
        };
        const { mountLabel } = plan({}, { labels: LABELS, randomBytes });
        const [, low, high] = /:s0:c(\d+),c(\d+)$/.exec(mountLabel) ?? [];
        expect(Number(low)).toBeLessThan(Number(high));
        expect(Number(high)).toBeLessThan(1024);
        expect(mountLabel).not.toContain("c1022,c1023");
      }),
    );
  });

  test.each([
    [{ appArmorProfile: "mine" }, "--security-opt apparmor=mine: AppArmor is not enabled in this kernel"],
    [{ labels: ["type:t"] }, "--security-opt label=type:t: SELinux is not enabled in this kernel"],
  ])("what asks for a module that is not there is refused: %j", (security, message) => {
    expect(() => plan({ security })).toThrow(message);
  });

  test("an option that there is not is refused", () => {
    expect(() => plan({ security: { labels: ["nested"] } }, { labels: LABELS })).toThrow(
      'invalid --security-opt: "label=nested"',
    );
  });

  test("a shared file has no categories", () => {
    expect(sharedLabel("u:object_r:f:s0:c1,c2")).toBe("u:object_r:f:s0");
  });
});
