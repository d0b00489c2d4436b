import { describe, expect, test } from "bun:test";
import type { SecurityFacts } from "../../linux/security/security-facts.ts";
import type { Linux, Process, RuntimeSpec } from "../../oci/runtime-spec.ts";
import { explainFailure } from "./explain-failure.ts";
import { formatPlan } from "./format-plan.ts";
import { planContainer } from "./plan-container.ts";
import { planExec } from "./plan-exec.ts";

const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";
const NONE: SecurityFacts = { apparmor: false, selinux: false, landlockAbi: 0 };
const rootfs = { type: "overlay", lower: ["/l"], upper: "/u", work: "/w" } as const;

function plan(process: Partial<Process>, linux: Linux, security: SecurityFacts, more: Partial<RuntimeSpec> = {}) {
  const spec: RuntimeSpec = {
    ociVersion: "1.3.0",
    process: { cwd: "/", user: { uid: 0, gid: 0 }, args: ["sh"], ...process },
    ...more,
    linux: { namespaces: [{ type: "mount" }, { type: "ipc" }], ...linux },
  };
  return planContainer(spec, { rootfs, cgroups: [], security });
}

const linesOf = (text: string, pattern: RegExp): string[] => text.split("\n").filter((line) => pattern.test(line));

describe("labels", () => {
  test("a profile is set before the barrier, so that a missing one fails the creation", () => {
    const { steps } = plan({ apparmorProfile: "mine" }, {}, { ...NONE, apparmor: true });
    const index = steps.findIndex((step) => step.op === "set-attribute");
    expect(steps[index]).toMatchObject({ value: "exec mine", files: ["apparmor/exec", "exec"], optional: 0 });
    expect(index).toBeLessThan(steps.findIndex((step) => step.op === "barrier"));
    expect(index).toBeGreaterThan(steps.findIndex((step) => step.op === "pivot-root"));
  });

  test("exec has them too", () => {
    const process = {
      cwd: "/",
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      selinuxLabel: "u:r:t:s0",
      apparmorProfile: "p",
    };
    const security = { ...NONE, apparmor: true, selinux: true };
    const text = formatPlan(planExec(process, { pid: 1, namespaces: ["mount"], cgroups: [], security }));
    expect(linesOf(text, /set-attribute|barrier/)).toEqual([
      'set-attribute optional=1 value="u:r:t:s0" files=["keycreate"]  # process.selinuxLabel',
      'set-attribute optional=0 value="exec p" files=["apparmor/exec","exec"]  # process.apparmorProfile',
      'set-attribute optional=0 value="u:r:t:s0" files=["exec"]  # process.selinuxLabel',
      "barrier  # start",
    ]);
  });

  test("the mount label is an option of what can take it, and set on what cannot", () => {
    const mounts = ["proc", "sysfs", "tmpfs", "devpts", "mqueue"].map((type) => ({ destination: `/${type}`, type }));
    const own = { destination: "/own", type: "tmpfs", options: ["context=u:object_r:t:s0"] };
    const bound = { destination: "/bound", type: "bind", source: "/b" };
    const text = formatPlan(
      plan(
        {},
        { mountLabel: LABEL, maskedPaths: ["/x"] },
        { ...NONE, selinux: true },
        { mounts: [...mounts, own, bound] },
      ),
    );
    expect(linesOf(text, /context|label/)).toEqual([
      `root-overlay legacy=0 label="${LABEL}" upper="/u" work="/w" lower=["/l"]  # root.path`,
      `mount-new slot=0 keep=0 copyUp=0 inheritMode=1 attributes=0 propagation=0 type="tmpfs" source="tmpfs" target="/tmpfs" options=["context=${LABEL}"]  # mounts[2]`,
      `mount-new slot=0 keep=0 copyUp=0 inheritMode=0 attributes=0 propagation=0 type="devpts" source="devpts" target="/devpts" options=["context=${LABEL}"]  # mounts[3]`,
      `label-root-of-mount magic=0x19800202 label="${LABEL}" path="/mqueue"  # linux.mountLabel`,
      `mount-new slot=0 keep=0 copyUp=0 inheritMode=1 attributes=0 propagation=0 type="tmpfs" source="tmpfs" target="/own" options=["context=u:object_r:t:s0"]  # mounts[5]`,
      `mask-path label="${LABEL}" path="/x"  # linux.maskedPaths[0]`,
    ]);
  });

  test("message queues of others keep their label", () => {
    const mounts = [{ destination: "/dev/mqueue", type: "mqueue" }];
    const label = (namespaces: Linux["namespaces"]): string =>
      formatPlan(plan({}, { mountLabel: LABEL, namespaces }, { ...NONE, selinux: true }, { mounts }));
    expect(label([{ type: "mount" }])).not.toContain("label-root-of-mount");
    expect(label([{ type: "mount" }, { type: "ipc", path: "/proc/1/ns/ipc" }])).not.toContain("label-root-of-mount");
  });

  test("unconfined asks for nothing where there is no AppArmor", () => {
    const operations = plan({ apparmorProfile: "unconfined" }, {}, NONE).steps.map((step) => step.op);
    expect(operations).not.toContain("set-attribute");
    const [step] = plan({ apparmorProfile: "unconfined" }, {}, { ...NONE, apparmor: true }).steps.filter(
      ({ op }) => op === "set-attribute",
    );
    expect(step).toMatchObject({ value: "exec unconfined" });
  });

  const refused: readonly (readonly [string, Partial<Process>, Linux])[] = [
    ['process.apparmorProfile: cannot apply "p": AppArmor is not enabled', { apparmorProfile: "p" }, {}],
    ['process.selinuxLabel: cannot use "u:r:t:s0": SELinux is not enabled', { selinuxLabel: "u:r:t:s0" }, {}],
    ['linux.mountLabel: cannot use "u:r:t:s0": SELinux is not enabled', {}, { mountLabel: "u:r:t:s0" }],
  ];
  test.each(refused)("a kernel without the module: %s", (message, process, linux) => {
    expect(() => plan(process, linux, NONE)).toThrow(message);
  });

  test.each(['u:r:t:s0",x', "u:r:t:s0,", "a b", ""])("a label cannot bring other mount options: %j", (mountLabel) => {
    const make = () => plan({}, { mountLabel }, { ...NONE, selinux: true });
    if (mountLabel === "") expect(formatPlan(make())).not.toContain("context");
    else expect(make).toThrow("linux.mountLabel: not a label of SELinux");
  });

  test("the kernel's refusals are told in words", () => {
    const made = plan(
      { apparmorProfile: "p", selinuxLabel: "u:r:t:s0" },
      {},
      { apparmor: true, selinux: true, landlockAbi: 0 },
    );
    const explain = (value: string, errno: number): string => {
      const step = made.steps.findIndex((one) => one.op === "set-attribute" && one.value === value);
      return explainFailure(made, { step, errno, text: "" }).message;
    };
    expect(explain("exec p", 2)).toBe(
      'process.apparmorProfile: cannot apply the AppArmor profile "p": no such profile is loaded',
    );
    expect(explain("u:r:t:s0", 22)).toBe(
      'process.selinuxLabel: cannot set the SELinux label "u:r:t:s0": the loaded policy has no such label',
    );
  });
});
