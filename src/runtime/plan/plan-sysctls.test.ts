import { describe, expect, test } from "bun:test";
import type { NamespaceType } from "../../oci/runtime-spec.ts";
import { planKernel } from "./plan-sysctls.ts";

function plan(sysctl: Record<string, string>, types: readonly NamespaceType[], own: readonly NamespaceType[] = []) {
  const namespaces = types.map((type) => ({ type, ...(own.includes(type) ? { path: "/proc/self/ns/x" } : {}) }));
  return planKernel({ ociVersion: "1.3.0", linux: { namespaces, sysctl } }, new Set(own));
}

describe("planKernel", () => {
  test("what a namespace of the container's keeps is set, with either separator", () => {
    const steps = plan(
      {
        "net.ipv4.conf.eth0/1.forwarding": "1",
        "net/ipv4/ip_forward": "1",
        "kernel.shmmax": "5",
        "kernel.sem": "1 2 3 4",
        "fs.mqueue.msg_max": "9",
        "user.max_user_namespaces": "3",
        "kernel.domainname": "d",
      },
      ["network", "ipc", "uts", "user"],
    );
    expect(steps.map((step) => step.op === "sysctl" && step.path)).toEqual([
      "sys/net/ipv4/conf/eth0.1/forwarding",
      "sys/net/ipv4/ip_forward",
      "sys/kernel/shmmax",
      "sys/kernel/sem",
      "sys/fs/mqueue/msg_max",
      "sys/user/max_user_namespaces",
      "sys/kernel/domainname",
    ]);
  });

  test("a network namespace that is joined is as good as a new one, unless it is the caller's own", () => {
    const sysctl = { "net.ipv4.ip_forward": "1" };
    const namespaces = [{ type: "network", path: "/run/one" }] as const;
    expect(planKernel({ ociVersion: "1.3.0", linux: { namespaces, sysctl } })).toHaveLength(1);
    expect(() => plan(sysctl, ["network"], ["network"])).toThrow("has no network namespace of its own");
  });

  const hosts: readonly (readonly [string, string])[] = [
    ["net.ipv4.ip_forward", "it would change the host: the container has no network namespace of its own"],
    ["net/core/somaxconn", "it would change the host: the container has no network namespace of its own"],
    ["kernel.msgmax", "it would change the host: the container has no ipc namespace of its own"],
    ["fs.mqueue.msg_max", "it would change the host: the container has no ipc namespace of its own"],
    ["user.max_user_namespaces", "it would change the host: the container has no user namespace of its own"],
    ["kernel.domainname", "it would change the host: the container has no uts namespace of its own"],
    ["kernel.hostname", "the host name is said in `hostname`"],
    ["kernel.shmmax.x", "it is the whole host's: no namespace has it"],
    ["kernel.core_pattern", "it is the whole host's: no namespace has it"],
    ["vm.swappiness", "it is the whole host's: no namespace has it"],
    ["fs/mqueue", "it is the whole host's: no namespace has it"],
    ["net/../kernel/core_pattern", "not a name of a sysctl"],
    ["net.", "not a name of a sysctl"],
    ["", "not a name of a sysctl"],
  ];
  test.each(hosts)("refuses %s in a container without namespaces", (name, reason) => {
    expect(() => plan({ [name]: "1" }, ["mount"])).toThrow(`linux.sysctl["${name}"]: ${reason}`);
  });

  test("names of the host need a uts namespace", () => {
    for (const name of ["hostname", "domainname"] as const) {
      const spec = { ociVersion: "1.3.0", [name]: "box" };
      expect(() => planKernel(spec)).toThrow(`${name}: it needs a uts namespace in linux.namespaces`);
      expect(planKernel({ ...spec, linux: { namespaces: [{ type: "uts" }] } })).toMatchObject([{ name: "box" }]);
    }
  });
});
