import { readFileSync } from "node:fs";
import { cpus, hostname, release, totalmem } from "node:os";
import { API_VERSION, MINIMUM_API_VERSION } from "../api/api-version.ts";
import type { VersionResponse } from "../api/system.ts";
import { PROGRAM_VERSION } from "../cli/version.ts";
import type { DoorInfo } from "../doors/docker/door-parts.ts";
import type { EngineSecurity } from "../engine/dependencies.ts";
import type { CgroupHost } from "../linux/cgroupfs/index.ts";
import { currentBuildId } from "../platform/build-id.ts";

/** What the daemon says of its version. */
export function describeVersion(): VersionResponse {
  const platform = { Os: "linux", Arch: goArchitecture(), KernelVersion: release() };
  const details = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MINIMUM_API_VERSION,
    ...platform,
    GitCommit: currentBuildId(),
  };
  return {
    Platform: { Name: "Gantry" },
    Components: [{ Name: "Engine", Version: PROGRAM_VERSION, Details: { ...details, Experimental: "false" } }],
    Version: PROGRAM_VERSION,
    ApiVersion: API_VERSION,
    MinAPIVersion: MINIMUM_API_VERSION,
    GitCommit: currentBuildId(),
    // The field is Go's in Docker's API; clients print it.
    GoVersion: `none (bun ${process.versions.bun})`,
    ...platform,
    BuildTime: "",
  };
}

/** What `info` tells of the daemon and its host. */
export function describeHost(options: {
  readonly root: string;
  readonly id: string;
  readonly cgroups: CgroupHost;
  readonly security: EngineSecurity;
}): DoorInfo {
  const controllers = new Set(options.cgroups.mounts.flatMap((mount) => mount.controllers));
  const none = { ID: "" };
  return {
    ID: options.id,
    Driver: "overlay",
    DriverStatus: [["Backing Filesystem", "overlayfs on the root's file system"]],
    DockerRootDir: options.root,
    Plugins: { Volume: ["local"], Network: ["bridge", "host", "null"], Authorization: null, Log: ["cri"] },
    MemoryLimit: controllers.has("memory"),
    SwapLimit: controllers.has("memory"),
    CpuCfsPeriod: controllers.has("cpu"),
    CpuCfsQuota: controllers.has("cpu"),
    CPUShares: controllers.has("cpu"),
    CPUSet: controllers.has("cpuset"),
    PidsLimit: controllers.has("pids"),
    IPv4Forwarding: true,
    Debug: false,
    NFd: 0,
    OomKillDisable: false,
    NGoroutines: 0,
    LoggingDriver: "cri",
    CgroupDriver: "cgroupfs",
    CgroupVersion: options.cgroups.mode === "v2" ? "2" : "1",
    NEventsListener: 0,
    KernelVersion: release(),
    ...operatingSystem(),
    OSType: "linux",
    Architecture: process.arch === "arm64" ? "aarch64" : "x86_64",
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: { InsecureRegistryCIDRs: ["127.0.0.0/8", "::1/128"], IndexConfigs: {}, Mirrors: [] },
    NCPU: cpus().length,
    MemTotal: totalmem(),
    GenericResources: null,
    HttpProxy: process.env.HTTP_PROXY ?? "",
    HttpsProxy: process.env.HTTPS_PROXY ?? "",
    NoProxy: process.env.NO_PROXY ?? "",
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: PROGRAM_VERSION,
    Runtimes: { gantry: { path: "gantry" } },
    DefaultRuntime: "gantry",
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    // Containers outlive the daemon, always.
    LiveRestoreEnabled: true,
    Isolation: "",
    InitBinary: "gantry-helper",
    ContainerdCommit: none,
    RuncCommit: none,
    InitCommit: none,
    SecurityOptions: [
      ...(options.security.facts.apparmor ? ["name=apparmor"] : []),
      "name=seccomp,profile=builtin",
      ...(options.security.labels === undefined ? [] : ["name=selinux"]),
    ],
    CDISpecDirs: null,
    Warnings: null,
  };
}

function goArchitecture(): string {
  return process.arch === "arm64" ? "arm64" : "amd64";
}

/** os-release(5) */
function operatingSystem(): { readonly OperatingSystem: string; readonly OSVersion: string } {
  let text = "";
  try {
    text = readFileSync("/etc/os-release", "utf8");
  } catch {
    // A host without the file has no name to tell.
  }
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(text)?.[1] ?? "";
  return { OperatingSystem: field("PRETTY_NAME") || "Linux", OSVersion: field("VERSION_ID") };
}
