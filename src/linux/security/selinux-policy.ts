import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the loaded policy has for containers. */
export interface ContainerLabels {
  readonly process: string;
  readonly file: string;
  /** Of images' files. */
  readonly readOnlyFile: string;
  /** Of processes that are not confined; left out if the policy has none. */
  readonly unconfined?: string;
}

/** selinux_config(5), lxc_contexts(5) */
const CONFIG = "/etc/selinux/config";

/** Reads `lxc_contexts` of the policy in use; `undefined` if it names no labels for containers. */
export function readContainerLabels(): ContainerLabels | undefined {
  const policy = /^\s*SELINUXTYPE\s*=\s*(\S+)/m.exec(read(CONFIG))?.[1] ?? "targeted";
  return parseContainerLabels(read(join("/etc/selinux", policy, "contexts/lxc_contexts")), isKnownLabel);
}

/** @param isKnown tells whether the loaded policy has a label. */
export function parseContainerLabels(text: string, isKnown: (label: string) => boolean): ContainerLabels | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=\\s*"?([^"\\s]+)"?\\s*$`, "m").exec(text)?.[1];
  const process = field("process");
  const file = field("file") ?? field("content");
  if (process === undefined || file === undefined) return undefined;
  // container-selinux has a type for what is not confined; it needs no category.
  const unconfined = process.replace(/^([^:]+:[^:]+):[^:]+:.*$/, "$1:spc_t:s0");
  const readOnlyFile = field("ro_file") ?? file;
  return { process, file, readOnlyFile, ...(isKnown(unconfined) ? { unconfined } : {}) };
}

/** Asks the kernel whether the loaded policy has a label. */
export function isKnownLabel(label: string): boolean {
  try {
    writeFileSync("/sys/fs/selinux/context", `${label}\0`);
    return true;
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
