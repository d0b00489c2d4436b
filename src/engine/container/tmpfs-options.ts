import { GantryError } from "../../errors/gantry-error.ts";

/** Flags that exclude each other: the later one wins. */
const FLAG_GROUPS: readonly (readonly string[])[] = [
  ["ro", "rw"],
  ["nosuid", "suid"],
  ["nodev", "dev"],
  ["noexec", "exec"],
  ["async", "sync"],
  ["noatime", "atime", "relatime", "norelatime", "strictatime", "nostrictatime"],
  ["nodiratime", "diratime"],
  ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"],
];

/** tmpfs(5). */
const VALUES = ["size", "nr_blocks", "nr_inodes", "mode", "uid", "gid", "mpol"];

const DEFAULTS = ["noexec", "nosuid", "nodev", "rprivate"];

/**
 * The options of a tmpfs: Docker's (`noexec,nosuid,nodev,rprivate`) with the caller's laid over them.
 *
 * @throws `invalid-argument` for what is no option of a tmpfs.
 */
export function parseTmpfsOptions(options: readonly string[]): readonly string[] {
  const chosen = new Map<string, string>();
  for (const option of [...DEFAULTS, ...options]) {
    if (option === "" || option === "defaults") continue;
    const [name = ""] = option.split("=", 1);
    const group = FLAG_GROUPS.findIndex((flags) => flags.includes(option));
    if (group >= 0) chosen.set(`group ${group}`, option);
    else if (VALUES.includes(name) && option.length > name.length + 1) chosen.set(name, option);
    else throw new GantryError("invalid-argument", `Invalid tmpfs option ${JSON.stringify(option)}`);
  }
  return [...chosen.values()];
}
