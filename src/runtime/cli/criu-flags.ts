import { resolve } from "node:path";
import { GantryError } from "../../errors/gantry-error.ts";
import type { CheckpointFlags, CriuFlags } from "../criu/checkpoint-flags.ts";
import { CGROUP_MODES, type CgroupMode } from "../criu/criu-options.ts";
import type { FlagTable } from "./parse-runc-flags.ts";
import type { CommandContext } from "./runtime-command.ts";

/** What `checkpoint` and `restore` have in common in runc's command line. */
export const CRIU_FLAGS = {
  "image-path": { takes: "text" },
  "work-path": { takes: "text" },
  "tcp-established": { takes: "nothing" },
  "ext-unix-sk": { takes: "nothing" },
  "shell-job": { takes: "nothing" },
  "lazy-pages": { takes: "nothing" },
  "file-locks": { takes: "nothing" },
  "manage-cgroups-mode": { takes: "text" },
  "empty-ns": { takes: "list" },
  "auto-dedup": { takes: "nothing" },
} as const satisfies FlagTable;

/** Below the working folder (runc: checkpoint.go). */
const DEFAULT_IMAGES = "checkpoint";

function parseCgroupMode(text: string | undefined): CgroupMode {
  if (text === undefined) return "default";
  if (text !== "default" && Object.hasOwn(CGROUP_MODES, text)) return text as CgroupMode;
  throw new GantryError(
    "invalid-argument",
    `invalid value for --manage-cgroups-mode: ${JSON.stringify(text)}, it is soft, full, strict or ignore`,
  );
}

/** @throws `invalid-argument` */
export function parsePageServer(text: string): NonNullable<CheckpointFlags["pageServer"]> {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined || Number(port) < 1 || Number(port) > 65535)
    throw new GantryError("invalid-argument", `--page-server takes ADDRESS:PORT, not ${JSON.stringify(text)}`);
  return { address, port: Number(port) };
}

/** @throws `invalid-argument` */
export function readCriuFlags({ flags, host }: CommandContext): CriuFlags {
  const folder = host.workingFolder();
  const work = flags.text("work-path");
  for (const kind of flags.list("empty-ns"))
    if (kind !== "network")
      throw new GantryError("invalid-argument", `--empty-ns: namespace ${JSON.stringify(kind)} is not supported`, {
        hint: "network is, and is always left empty",
      });
  return {
    imagePath: resolve(folder, flags.text("image-path") ?? DEFAULT_IMAGES),
    ...(work === undefined ? {} : { workPath: resolve(folder, work) }),
    tcpEstablished: flags.has("tcp-established"),
    extUnixSk: flags.has("ext-unix-sk"),
    shellJob: flags.has("shell-job"),
    lazyPages: flags.has("lazy-pages"),
    fileLocks: flags.has("file-locks"),
    autoDedup: flags.has("auto-dedup"),
    cgroupMode: parseCgroupMode(flags.text("manage-cgroups-mode")),
  };
}
