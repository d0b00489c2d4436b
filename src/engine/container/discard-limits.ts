import type { ContainerConfig, ResourceConfig } from "./container-config.ts";

/**
 * Takes out of a request the limits that cgroup v2 does not have, with Docker's warnings (moby: daemon/daemon_unix.go,
 * verifyPlatformContainerResources), and warns of one that is dangerous.
 */
export function discardLimits(
  config: ContainerConfig,
  cgroupVersion: 1 | 2,
): { readonly config: ContainerConfig; readonly warnings: readonly string[] } {
  const { resources } = config;
  if (resources === undefined) return { config, warnings: [] };
  const { memorySwappiness, oomKillDisable, ...others } = resources;
  const warnings: string[] = [];
  if (cgroupVersion === 1) {
    if (oomKillDisable === true && !resources.memoryBytes) {
      warnings.push(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
      );
    }
    return { config, warnings };
  }
  if (memorySwappiness !== undefined) {
    warnings.push(
      "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
    );
  }
  if (oomKillDisable === true) warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
  const kept: ResourceConfig = others;
  return { config: { ...config, resources: kept }, warnings };
}
