/**
 * What is set in a network namespace of a container's own, where the kernel has it. Safe for every container: ping without
 * CAP_NET_RAW, ports below 1024 without CAP_NET_BIND_SERVICE.
 */
export const DEFAULT_SYSCTLS: Readonly<Record<string, string>> = {
  "net.ipv4.ping_group_range": "0 2147483647",
  "net.ipv4.ip_unprivileged_port_start": "0",
};
