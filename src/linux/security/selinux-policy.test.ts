import { describe, expect, test } from "bun:test";
import { parseSelinuxLabel } from "./selinux-label.ts";
import { parseContainerLabels } from "./selinux-policy.ts";

const FEDORA = `process = "system_u:system_r:container_t:s0"
content = "system_u:object_r:virt_var_lib_t:s0"
file = "system_u:object_r:container_file_t:s0"
ro_file="system_u:object_r:container_ro_file_t:s0"
sandbox_kvm_process = "system_u:system_r:svirt_qemu_net_t:s0"
`;

describe("parseContainerLabels", () => {
  test("reads what lxc_contexts names", () => {
    expect(parseContainerLabels(FEDORA, () => true)).toEqual({
      process: "system_u:system_r:container_t:s0",
      file: "system_u:object_r:container_file_t:s0",
      readOnlyFile: "system_u:object_r:container_ro_file_t:s0",
      unconfined: "system_u:system_r:spc_t:s0",
    });
  });

  test("an older policy has fewer names, and perhaps no spc_t", () => {
    const text = 'process = "u:r:svirt_lxc_net_t:s0"\ncontent = "u:object_r:svirt_sandbox_file_t:s0"\n';
    expect(parseContainerLabels(text, () => false)).toEqual({
      process: "u:r:svirt_lxc_net_t:s0",
      file: "u:object_r:svirt_sandbox_file_t:s0",
      readOnlyFile: "u:object_r:svirt_sandbox_file_t:s0",
    });
  });

  test("a policy that knows no containers labels none", () => {
    expect(parseContainerLabels("", () => true)).toBeUndefined();
  });
});

test("a level may hold colons; what is no label is refused", () => {
  expect(parseSelinuxLabel("u:r:t:s0-s0:c0.c1023").level).toBe("s0-s0:c0.c1023");
  expect(() => parseSelinuxLabel("u:r:t")).toThrow("not a label of SELinux");
});
