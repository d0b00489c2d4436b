import type { RuntimeSpec } from "../../oci/runtime-spec.ts";
import type { CriuFlags } from "./checkpoint-flags.ts";
import { type CriuOptions, EMPTY_NETWORK } from "./criu-options.ts";

const CONFIG_ANNOTATION = "org.criu.config";
const CONFIG_FILE = "/etc/criu/runc.conf";
const LOG_LEVEL = 4;

/** What criu calls namespaces that it neither dumps nor makes. */
export const EXTERNAL_NAMESPACES = {
  network: { kind: "net", key: "extRootNetNS", minVersion: 31100 },
  pid: { kind: "pid", key: "extRootPidNS", minVersion: 31500 },
} as const;

export type ExternalNamespace = keyof typeof EXTERNAL_NAMESPACES;

/** Descriptors of the folders; of our own process, where criu looks them up. */
export interface CriuFolders {
  readonly imagesDirFd: number;
  readonly workDirFd?: number;
}

/** An empty annotation means no file at all (runc: docs/checkpoint-restore.md). */
function configFile(spec: RuntimeSpec): Pick<CriuOptions, "configFile"> {
  const file = spec.annotations?.[CONFIG_ANNOTATION] ?? CONFIG_FILE;
  return file === "" ? {} : { configFile: file };
}

/** What a dump and a restore are both told. Pure. */
export function commonOptions(
  spec: RuntimeSpec,
  flags: CriuFlags,
  options: CriuFolders & { readonly logFile: string },
): CriuOptions {
  return {
    imagesDirFd: options.imagesDirFd,
    ...(options.workDirFd === undefined ? {} : { workDirFd: options.workDirFd }),
    logLevel: LOG_LEVEL,
    logFile: options.logFile,
    ...configFile(spec),
    notifyScripts: true,
    orphanPtsMaster: true,
    manageCgroups: true,
    cgroupMode: flags.cgroupMode,
    emptyNamespaces: EMPTY_NETWORK,
    tcpEstablished: flags.tcpEstablished,
    extUnixSk: flags.extUnixSk,
    shellJob: flags.shellJob,
    lazyPages: flags.lazyPages,
    fileLocks: flags.fileLocks,
    autoDedup: flags.autoDedup,
  };
}
