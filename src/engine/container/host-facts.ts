import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import { DEFAULT_SYSCTLS } from "../../runtime/spec/default-sysctls.ts";
import { parseCpuSet } from "./cpu-set.ts";
import type { HostLimits } from "./validate-container-config.ts";

/** What the engine has to know of the host it runs on. */
export interface HostFacts extends HostLimits {
  readonly hostname: string;
  readonly memoryBytes: number;
  /** `5.12.0-…` */
  readonly kernelRelease: string;
  readonly architecture: "x86_64" | "aarch64";
  /** The default sysctls that this kernel has. */
  readonly sysctls: readonly string[];
  /** Per-processor folders that containers must not read (GHSA-6fw5-f8r9-fgfm). */
  readonly thermalPaths: readonly string[];
}

const CPU_FOLDER = "/sys/devices/system/cpu";

/** Looks at this host. What it cannot see it leaves out. */
export function readHostFacts(): HostFacts {
  return {
    cpus: readSet(`${CPU_FOLDER}/online`) ?? cpus().map((_, index) => index),
    memoryNodes: readSet("/sys/devices/system/node/online") ?? [0],
    hostname: hostname(),
    memoryBytes: totalmem(),
    kernelRelease: release(),
    architecture: process.arch === "arm64" ? "aarch64" : "x86_64",
    sysctls: Object.keys(DEFAULT_SYSCTLS).filter((name) => existsSync(join("/proc/sys", ...name.split(".")))),
    thermalPaths: thermalPaths(),
  };
}

function readSet(path: string): readonly number[] | undefined {
  try {
    return parseCpuSet(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function thermalPaths(): readonly string[] {
  try {
    return readdirSync(CPU_FOLDER)
      .filter((name) => /^cpu[0-9]+$/.test(name))
      .map((name) => join(CPU_FOLDER, name, "thermal_throttle"))
      .filter((path) => existsSync(path));
  } catch {
    return [];
  }
}
