import { closeSync, constants, openSync, readdirSync, realpathSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { GantryError } from "../../errors/gantry-error.ts";
import { describeErrno, ERRNO } from "../../platform/errno.ts";
import { cString, SYS, syscall } from "../../platform/libc.ts";

const ATTRIBUTE = cString("security.selinux");
const FILES_PER_TURN = 256;

/** Folders of the system: with other labels on them the host would not work any more (as go-selinux has them). */
const NEVER = new Set(
  "/ /bin /boot /dev /etc /etc/passwd /etc/pki /etc/shadow /home /lib /lib64 /media /opt /proc /root /run /sbin /srv /sys /tmp /usr /var /var/lib /var/log".split(
    " ",
  ),
);

/** @throws `invalid-argument` for what must keep its label. */
export function checkRelabel(path: string): void {
  const real = resolve(path);
  for (const one of [path.replace(/(?<=.)\/+$/, ""), real])
    if (NEVER.has(one) || /^\/(home\/[^/]+|(dev|proc|sys)\/.*)$/.test(one))
      throw new GantryError("invalid-argument", `SELinux relabeling of ${one} is not allowed`, {
        hint: "mount a folder below it, or leave out z and Z and use --security-opt label=disable",
      });
}

function resolve(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Labels a file, or a folder with all below it, itself last: a folder that has the label has been done. Whoever may write
 * there meanwhile cannot lead it elsewhere: no link is followed, and every name is looked up in an open folder.
 *
 * Done again, it changes nothing. File systems without labels stay as they are.
 */
export async function relabel(path: string, label: string): Promise<void> {
  const work = { label: cString(label), files: 0 };
  const real = realpathSync(path);
  const folder = openFolder(Buffer.from(real));
  if (folder !== undefined) await relabelFolder(folder, work);
  setLabel(Buffer.from(real), work.label);
}

/** The label of a file; `""` without one. */
export function labelOf(path: string): string {
  const value = Buffer.alloc(4096);
  const length = syscall(SYS.lgetxattr, cString(path), ATTRIBUTE, value, value.length);
  return length <= 0 ? "" : value.subarray(0, length).toString("utf8").replace(/\0$/, "");
}

async function relabelFolder(folder: number, work: { readonly label: Uint8Array; files: number }): Promise<void> {
  try {
    for (const name of readdirSync(`/proc/self/fd/${folder}`, { encoding: "buffer" })) {
      const path = Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name]);
      const below = openFolder(path);
      if (below !== undefined) await relabelFolder(below, work);
      setLabel(path, work.label);
      if (++work.files % FILES_PER_TURN === 0) await nextTurn();
    }
  } finally {
    closeSync(folder);
  }
}

function openFolder(path: Buffer): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return undefined;
  }
}

/** What is gone meanwhile, and what cannot have labels, is passed over. */
function setLabel(path: Buffer, label: Uint8Array): void {
  const result = syscall(SYS.lsetxattr, Buffer.concat([path, Buffer.of(0)]), ATTRIBUTE, label, label.length, 0);
  if (result >= 0 || [ERRNO.ENOTSUP, ERRNO.EOPNOTSUPP, ERRNO.ENOENT].includes(-result)) return;
  throw new GantryError(
    -result === ERRNO.EINVAL ? "invalid-argument" : "permission-denied",
    `cannot label ${path.toString()} ${cStringText(label)}: ${describeErrno(-result)}`,
  );
}

function cStringText(text: Uint8Array): string {
  return Buffer.from(text).toString("utf8").replace(/\0$/, "");
}
