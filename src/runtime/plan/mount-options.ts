/** MOUNT_ATTR_… (include/uapi/linux/mount.h). */
export const MOUNT_ATTRIBUTES = {
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
  /** Change the mount that is at the destination, instead of making one. */
  readonly isRemount: boolean;
  readonly attributes: AttributeChange;
  readonly recursive: AttributeChange;
  /** MS_… flags, each applied after the one before it (slave and then shared is both). */
  readonly propagation: readonly number[];
  /** Flags of the superblock: of a file system, not of a mount of it. */
  readonly superblock: readonly string[];
  /** Owners are mapped: of this mount, or of all below it too. */
  readonly idMap: "no" | "idmap" | "ridmap";
  /** A tmpfs begins with what it hides. */
  readonly isCopyUp: boolean;
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
  norelatime: { set: 0, clear: A.accessTimeMask },
  noatime: { set: A.noAccessTime, clear: A.accessTimeMask },
  atime: { set: 0, clear: A.accessTimeMask },
  strictatime: { set: A.strictAccessTime, clear: A.accessTimeMask },
  nostrictatime: { set: 0, clear: A.accessTimeMask },
};

const P = PROPAGATION;
/** By option and by `linux.rootfsPropagation`, which runc takes in their recursive forms too. */
export const PROPAGATION_OPTIONS: Readonly<Record<string, number>> = {
  private: P.private,
  rprivate: P.private | P.recursive,
  shared: P.shared,
  rshared: P.shared | P.recursive,
  slave: P.slave,
  rslave: P.slave | P.recursive,
  unbindable: P.unbindable,
  runbindable: P.unbindable | P.recursive,
};

/** Flags of superblocks, by the option that takes them back. */
const SUPERBLOCK_OPTIONS: Readonly<Record<string, string>> = {
  sync: "async",
  dirsync: "nodirsync",
  lazytime: "nolazytime",
  mand: "nomand",
  iversion: "noiversion",
};
const SUPERBLOCK_CLEARS = new Map(Object.entries(SUPERBLOCK_OPTIONS).map(([flag, clear]) => [clear, flag]));

/** Options of mount(8) that the kernel never sees; `silent` would only keep it from saying why it refuses. */
const IGNORED = new Set(["", "defaults", "silent", "loud", "auto", "noauto", "nouser", "nofail", "_netdev"]);
const IGNORED_BEGINNINGS = ["x-", "X-", "comment="];
/** Options of mount(8) that stand for others. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  user: ["noexec", "nosuid", "nodev"],
  users: ["noexec", "nosuid", "nodev"],
  owner: ["nosuid", "nodev"],
  group: ["nosuid", "nodev"],
};

/** Every name that has a meaning here: for `features` alone, and sorting takes every other process as long as a mount. */
export function mountOptionNames(): readonly string[] {
  return [
    ...["async", "bind", "defaults", "idmap", "loud", "rbind", "remount", "ridmap", "silent", "tmpcopyup"],
    ...Object.keys(ATTRIBUTE_OPTIONS).flatMap((name) => [name, `r${name}`]),
    ...Object.keys(PROPAGATION_OPTIONS),
    ...Object.keys(SUPERBLOCK_OPTIONS),
    ...["noiversion", "nolazytime", "nomand"],
  ].sort();
}

function change(from: AttributeChange, by: AttributeChange): AttributeChange {
  // The later option wins, except that a set of access-time bits always needs its mask cleared: mount_setattr(2).
  const mask = by.set & A.accessTimeMask ? A.accessTimeMask : 0;
  return { set: (from.set & ~by.clear) | by.set, clear: (from.clear & ~by.set) | by.clear | mask };
}

/** At its commas, but for those in double quotes: the labels of SELinux have some (mount(8)). */
function split(text: string): string[] {
  // Mostly there are none, and an expression that is used once costs a short-lived process more than it is worth.
  if (!text.includes('"')) return text.split(",").filter((option) => option !== "");
  return text.match(/(?:"[^"]*"|[^,])+/g) ?? [];
}

/** A value in quotes, as mount(8) writes it, is for fsconfig(2) without them. */
function unquote(option: string): string {
  return !option.includes('"') ? option : option.replace(/^([^=]+=)"([^"]*)"$/, "$1$2");
}

class OptionSorter implements MountOptions {
  bind: MountOptions["bind"] = "no";
  isRemount = false;
  attributes: AttributeChange = { set: 0, clear: 0 };
  recursive: AttributeChange = { set: 0, clear: 0 };
  readonly propagation: number[] = [];
  superblock: readonly string[] = [];
  idMap: MountOptions["idMap"] = "no";
  isCopyUp = false;
  readonly data: string[] = [];

  add(option: string): void {
    const own = lookUp(ATTRIBUTE_OPTIONS, option);
    const below = option.startsWith("r") ? lookUp(ATTRIBUTE_OPTIONS, option.slice(1)) : undefined;
    const propagation = lookUp(PROPAGATION_OPTIONS, option);
    const cleared = SUPERBLOCK_CLEARS.get(option);
    if (IGNORED.has(option) || IGNORED_BEGINNINGS.some((beginning) => option.startsWith(beginning))) return;
    if (own !== undefined) this.attributes = change(this.attributes, own);
    else if (below !== undefined) this.recursive = change(this.recursive, below);
    else if (propagation !== undefined) this.propagation.push(propagation);
    else if (lookUp(SUPERBLOCK_OPTIONS, option) !== undefined)
      this.superblock = [...this.superblock.filter((flag) => flag !== option), option];
    else if (cleared !== undefined) this.superblock = this.superblock.filter((flag) => flag !== cleared);
    else this.#addRest(option);
  }

  #addRest(option: string): void {
    if (option === "bind" || option === "rbind") this.bind = option;
    else if (option === "remount") this.isRemount = true;
    else if (option === "idmap" || option === "ridmap") this.idMap = option;
    else if (option === "tmpcopyup") this.isCopyUp = true;
    else if (lookUp(IMPLIED, option) !== undefined) for (const implied of IMPLIED[option] ?? []) this.add(implied);
    else this.data.push(unquote(option));
  }
}

function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Sorts the options of a mount by who has to know them. What nobody knows is for the file system, as the specification wants it. */
export function parseMountOptions(options: readonly string[]): MountOptions {
  const sorter = new OptionSorter();
  for (const option of options.flatMap(split)) sorter.add(option);
  const { bind, isRemount, attributes, recursive, propagation, superblock, idMap, isCopyUp, data } = sorter;
  return { bind, isRemount, attributes, recursive, propagation, superblock, idMap, isCopyUp, data };
}
