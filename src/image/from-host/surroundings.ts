import { formatLdCache } from "../../elf/ld-cache.ts";
import type { HostFiles } from "./host-files.ts";
import type { LoadClosure } from "./load-closure.ts";
import type { PackingList } from "./packing-list.ts";

/** Terminals that people sit at: without its description, a shell with line editing takes any for a teletype. */
const TERMINALS = [
  ...["ansi", "dumb", "linux", "rxvt", "screen", "screen-256color", "tmux", "tmux-256color", "vt100", "vt220"],
  ...["xterm", "xterm-256color", "xterm-color"],
];
const TERMINFO_FOLDERS = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];
/** glibc opens these by name when users and hosts are looked up; since 2.34 it has them inside, and they may be missing. */
const NAME_SERVICES = ["libnss_files.so.2", "libnss_dns.so.2"];

const FOLDERS: readonly (readonly [string, number])[] = [
  ["/dev", 0o755],
  ["/etc", 0o755],
  ["/proc", 0o755],
  ["/root", 0o700],
  ["/run", 0o755],
  ["/sys", 0o755],
  ["/tmp", 0o1777],
  ["/var", 0o755],
  ["/var/tmp", 0o1777],
];

/**
 * Adds what programs expect around them, where the host's own was not asked for: the folders that are mounted on, `/tmp`, users
 * `root` and `nobody`, look-ups in files and DNS, descriptions of usual terminals for what uses them, and a loader's cache
 * that has the libraries which only a cache can find. Nothing of the host's `/etc` is taken.
 */
export function addSurroundings(list: PackingList, files: HostFiles, closure: LoadClosure): void {
  for (const folder of closure.libcFolders) {
    for (const name of NAME_SERVICES) {
      const added = list.add(`${folder}/${name}`);
      if (added?.file.type === "file") closure.add(added.path, { missing: "skip" });
    }
  }
  if (list.entries().some(({ path }) => /\/lib(?:tinfo|ncurses)w?\.so\.[^/]*$/.test(path))) addTerminals(list, files);
  for (const [path, mode] of FOLDERS) list.make(path, mode);
  const shell =
    list.has("/bin/sh") || list.has("/usr/bin/sh") ? "/bin/sh" : list.has("/usr/bin/bash") ? "/bin/bash" : "/bin/sh";
  list.make(
    "/etc/passwd",
    0o644,
    `root:x:0:0:root:/root:${shell}\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n`,
  );
  list.make("/etc/group", 0o644, "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n");
  list.make("/etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n");
  if (closure.cacheUsed.length > 0) list.make("/etc/ld.so.cache", 0o644, formatLdCache(closure.cacheUsed));
}

function addTerminals(list: PackingList, files: HostFiles): void {
  for (const name of TERMINALS) {
    const path = TERMINFO_FOLDERS.map((folder) => `${folder}/${name[0]}/${name}`).find(
      (file) => files.stat(file) !== undefined,
    );
    if (path !== undefined) list.add(path);
  }
}
