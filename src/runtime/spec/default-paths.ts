/**
 * What containers must not read: hardware and kernel state that tells about the host or its other guests
 * (moby: daemon/pkg/oci/defaults.go; /proc/interrupts and thermal_throttle: GHSA-6fw5-f8r9-fgfm, powercap: GHSA-jq35-85cj-fj4p).
 */
export const DEFAULT_MASKED_PATHS: readonly string[] = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];

/** What containers may read and never write (moby: daemon/pkg/oci/defaults.go). */
export const DEFAULT_READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];
