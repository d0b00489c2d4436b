import { expect, test } from "bun:test";
import type { ContainerConfig } from "./container-config.ts";
import { sysctlProblems } from "./sysctl-problems.ts";

const problems = (sysctls: ContainerConfig["sysctls"], more: Partial<ContainerConfig> = {}): readonly string[] => [
  ...sysctlProblems({ image: "i", sysctls, ...more }),
];

test("those of the container's own namespaces are its own", () => {
  expect(problems(undefined)).toEqual([]);
  expect(problems({ "net.core.somaxconn": "1", "kernel.msgmax": "1", "fs.mqueue.msg_max": "1" })).toEqual([]);
  expect(problems({ "net.core.somaxconn": "1" }, { network: { mode: "container:other" } })).toEqual([]);
});

test("what is the host's stays the host's, all of it said at once", () => {
  const host = { network: { mode: "host" }, namespaces: { ipc: "host" } };
  const would = "it would change the host: the container has no";
  expect(problems({ "net.core.somaxconn": "1", "kernel.shmmax": "1", "user.max_user_namespaces": "1" }, host)).toEqual([
    `sysctl 'net.core.somaxconn' is not allowed: ${would} network namespace of its own`,
    `sysctl 'kernel.shmmax' is not allowed: ${would} ipc namespace of its own`,
    `sysctl 'user.max_user_namespaces' is not allowed: ${would} user namespace of its own`,
  ]);
  expect(problems({ "vm.swappiness": "1", "net/../x": "1" })).toEqual([
    "sysctl 'vm.swappiness' is not allowed: it is the whole host's: no namespace has it",
    "sysctl 'net/../x' is not allowed: not a name of a sysctl",
  ]);
});
