/** An assertion of the suite that does not hold, and why that is right. */
export interface Exception {
  readonly programs: readonly string[];
  /** Of the assertion's text and what follows it. */
  readonly matches: RegExp;
  /** With what runc does there. */
  readonly reason: string;
}

/** The suite is of 2019, and follows a draft of version 1.0.2 of the specification. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    programs: ["delete"],
    matches: /attempting to `delete` a container that is not `stopped`/,
    reason: "a container that was created and not started can be deleted, which engines rely on; runc does the same",
  },
  {
    programs: ["hooks_stdin"],
    matches: /wrong container process ID \\"1\.0\.2(-dev)?\\"/,
    reason:
      "the suite compares the version of the specification with nothing, and wants prestart to see a status of before 1.0; " +
      "runc fails here too",
  },
  {
    programs: ["linux_cgroups_blkio", "linux_cgroups_relative_blkio"],
    matches: /leafWeight|blkio|^exit status 1/,
    reason: "kernels since 5.0 have no weights of leaves (CFQ is gone); runc fails as well",
  },
  {
    programs: ["linux_cgroups_hugetlb", "linux_cgroups_relative_hugetlb"],
    matches: /hugetlb|cgroups-path/,
    reason: "needs the v1 controller hugetlb, where the machine has none; runc fails as well",
  },
  {
    programs: ["linux_cgroups_network", "linux_cgroups_relative_network"],
    matches: /network\.classID|net_cls|^exit status 1/,
    reason: "needs the v1 controllers net_cls and net_prio, where the machine has none; runc fails as well",
  },
  {
    programs: ["linux_cgroups_memory", "linux_cgroups_relative_memory"],
    matches: /memory kernel(TCP)? is set correctly/,
    reason:
      "memory of the kernel cannot be limited since Linux 5.16, and the specification wants that ignored; as runc",
  },
  {
    programs: ["linux_mount_label"],
    matches: /SELinux is not enabled/,
    reason: "needs SELinux in the kernel: see test:vm; runc fails as well",
  },
  {
    programs: ["linux_process_apparmor_profile"],
    matches: /AppArmor is not enabled/,
    reason: "needs AppArmor in the kernel: see test:vm; runc fails as well",
  },
  {
    programs: ["linux_ns_itype"],
    matches: /cannot run validation tests/,
    reason:
      "a container without a mount namespace of its own is refused: its mounts would be the host's; runc mounts them there",
  },
  {
    programs: ["linux_rootfs_propagation"],
    matches: /check root propagation|exit status 1/,
    reason:
      "where this process lacks a capability (CAP_SYS_RESOURCE) the program inside finds fault with that; runc does not start " +
      "the container",
  },
  {
    programs: ["process_capabilities"],
    matches: /capability CAP_SYS_RESOURCE set/,
    reason: "where this process lacks CAP_SYS_RESOURCE it cannot be given; runc does not start the container",
  },
  {
    programs: ["linux_seccomp"],
    matches: /seccomp action is added correctly|^exit status 1/,
    reason:
      "its filter forbids getcwd(2), by which the working folder is verified (CVE-2024-21626); runc fails as well",
  },
  {
    programs: ["misc_props"],
    matches: /runtimetest: no such file or directory/,
    reason: "the program that its container is to run is not in the container; runc fails as well",
  },
  {
    programs: ["mounts"],
    matches: /found in order/,
    reason:
      "kernels since 6.8 list mounts by number, and ours have theirs from when the sources were cloned, before anything could be " +
      "exchanged (CVE-2021-30465); they are attached in order, and runc, which mounts path by path, passes",
  },
  {
    programs: ["pidfile"],
    matches: /container not running/,
    reason: "it kills a container that may have ended by then; runc passes or fails by chance",
  },
  {
    programs: ["process_capabilities_fail"],
    matches: /cannot be mapped to a relevant kernel interface/,
    reason: "unknown capabilities are warned of, as the specification has it since 1.0.2; as runc",
  },
  {
    programs: ["process_rlimits"],
    matches: /has expected soft RLIMIT_NOFILE/,
    reason: "the program inside is written in Go, which raises that limit for itself; runc fails as well",
  },
  {
    programs: ["start"],
    matches: /^exit status 1/,
    reason: "a container without a process is refused when it is created, and not when it is started; as runc",
  },
];
