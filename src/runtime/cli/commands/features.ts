import { release } from "node:os";
import { CAPABILITY_NAMES } from "../../capabilities/capability-names.ts";
import { mountOptionNames } from "../../plan/mount-options.ts";
import { seccompFeatures } from "../../seccomp/seccomp-features.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

/** The features document (features.md, features-linux.md): what is there, whatever this host has of it. */
export function describeFeatures(options: { readonly kernelVersion: string; readonly version: string }): object {
  return {
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    hooks: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
    mountOptions: mountOptionNames(),
    linux: {
      namespaces: ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
      capabilities: CAPABILITY_NAMES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: seccompFeatures(options.kernelVersion),
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: {
        modes: [
          "MPOL_DEFAULT",
          "MPOL_BIND",
          "MPOL_INTERLEAVE",
          "MPOL_WEIGHTED_INTERLEAVE",
          "MPOL_PREFERRED",
          "MPOL_PREFERRED_MANY",
          "MPOL_LOCAL",
        ],
        flags: ["MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES"],
      },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: {
      "org.gantry.version": options.version,
      "org.opencontainers.runc.checkpoint.enabled": "true",
    },
    potentiallyUnsafeConfigAnnotations: ["org.systemd.property."],
  };
}

export const command: RuntimeCommand = {
  usage: "",
  flags: {},
  arguments: { min: 0, max: 0 },
  async run({ host }) {
    const features = describeFeatures({ kernelVersion: release(), version: host.version });
    host.print(`${JSON.stringify(features, undefined, 4)}\n`);
    return 0;
  },
};
