import { GantryError } from "../../errors/gantry-error.ts";

/** MOUNT_ATTR_… (include/uapi/linux/mount.h). */
const MOUNT_ATTRIBUTES = {
  readOnly: 0x1,
  noSuid: 0x2,
  noDev: 0x4,
  noExec: 0x8,
  accessTimeMask: 0x70,
  noAccessTime: 0x10,
  strictAccessTime: 0x20,
  noDirectoryAccessTime: 0x80,
  noSymlinkFollow: 0x200000,
} as const;

/** MS_… flags of propagation. */
export const PROPAGATION = {
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  recursive: 1 << 14,
} as const;

/** Mount attributes to switch on and off, of one mount or of all below it. */
export interface AttributeChange {
  readonly set: number;
  readonly clear: number;
}

export interface MountOptions {
  readonly bind: "no" | "bind" | "rbind";
  readonly attributes: AttributeChange;
  readonly recursive: AttributeChange;
  /** MS_… flags, 0 to leave it as it comes. */
  readonly propagation: number;
  /** What is for the file system itself, in order. */
  readonly data: readonly string[];
}

const A = MOUNT_ATTRIBUTES;

/** Options that are mount attributes, with their recursive form `r…` (runtime-spec, config.md, "Linux mount options"). */
const ATTRIBUTE_OPTIONS: Readonly<Record<string, AttributeChange>> = {
  ro: { set: A.readOnly, clear: 0 },
  rw: { set: 0, clear: A.readOnly },
  nosuid: { set: A.noSuid, clear: 0 },
  suid: { set: 0, clear: A.noSuid },
  nodev: { set: A.noDev, clear: 0 },
  dev: { set: 0, clear: A.noDev },
  noexec: { set: A.noExec, clear: 0 },
  exec: { set: 0, clear: A.noExec },
  nosymfollow: { set: A.noSymlinkFollow, clear: 0 },
  symfollow: { set: 0, clear: A.noSymlinkFollow },
  nodiratime: { set: A.noDirectoryAccessTime, clear: 0 },
  diratime: { set: 0, clear: A.noDirectoryAccessTime },
  relatime: { set: 0, clear: A.accessTimeMask },
  norelatime: { set: 0, clear: 0 },
  noatime: { set: A.noAccessTime, clear: A.accessTimeMask },
  atime: { set: 0, clear: A.accessTimeMask },
  strictatime: { set: A.strictAccessTime, clear: A.accessTimeMask },
  nostrictatime: { set: 0, clear: A.accessTimeMask },
};

const P = PROPAGATION;
const PROPAGATION_OPTIONS: Readonly<Record<string, number>> = {
  private: P.private,
  rprivate: P.private | P.recursive,
  shared: P.shared,
  rshared: P.shared | P.recursive,
  slave: P.slave,
  rslave: P.slave | P.recursive,
  unbindable: P.unbindable,
  runbindable: P.unbindable | P.recursive,
};

const IGNORED = new Set(["defaults", "async", "nomand", "nolazytime", "loud"]);
const REFUSED = new Set(["remount", "tmpcopyup", "idmap", "ridmap"]);

function change(from: AttributeChange, by: AttributeChange): AttributeChange {
  // The later option wins, except that a set of access-time bits always needs its mask cleared: mount_setattr(2).
  const mask = by.set & A.accessTimeMask ? A.accessTimeMask : 0;
  return { set: (from.set & ~by.clear) | by.set, clear: (from.clear & ~by.set) | by.clear | mask };
}

/**
 * Sorts the options of a mount by who has to know them.
 *
 * @param path of the options in the specification, for messages.
 */
export function parseMountOptions(options: readonly string[], path: string): MountOptions {
  let bind: MountOptions["bind"] = "no";
  let attributes: AttributeChange = { set: 0, clear: 0 };
  let recursive: AttributeChange = { set: 0, clear: 0 };
  let propagation = 0;
  const data: string[] = [];
  for (const option of options.flatMap((text) => text.split(","))) {
    const own = ATTRIBUTE_OPTIONS[option];
    const below = option.startsWith("r") ? ATTRIBUTE_OPTIONS[option.slice(1)] : undefined;
    if (option === "" || IGNORED.has(option)) continue;
    if (REFUSED.has(option))
      throw new GantryError("unsupported", `${path}: the mount option "${option}" is not supported`);
    if (option === "bind" || option === "rbind") bind = option;
    else if (own !== undefined) attributes = change(attributes, own);
    else if (below !== undefined) recursive = change(recursive, below);
    else if (PROPAGATION_OPTIONS[option] !== undefined) propagation = PROPAGATION_OPTIONS[option];
    else data.push(option);
  }
  return { bind, attributes, recursive, propagation, data };
}
