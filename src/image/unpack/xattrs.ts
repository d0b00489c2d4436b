import { ERRNO } from "../../platform/errno.ts";
import { SYS, syscall } from "../../platform/libc.ts";
import { decodeByteText } from "../../tar/byte-text.ts";
import { pathBytes } from "./directory-calls.ts";

/** Marks a folder that hides what is below it (kernel, filesystems/overlayfs.rst). */
export const OPAQUE_XATTR = "trusted.overlay.opaque";

/**
 * Attributes that no layer may set, and that none is made with. Those of overlayfs redirect look-ups: a layer could show files
 * that are not its own. A label of SELinux is the host's business.
 */
export function isForeignXattr(name: string): boolean {
  return /^(?:trusted|user)\.overlay\./.test(name) || name === "security.selinux";
}

type Target = number | string;

/** Sets an attribute of an open file, or of a path whose last component is not followed. Returns 0 or -errno. */
export function setXattr(target: Target, name: string, value: Uint8Array): number {
  return typeof target === "number"
    ? syscall(SYS.fsetxattr, target, pathBytes(name), value, value.byteLength, 0)
    : syscall(SYS.lsetxattr, pathBytes(target), pathBytes(name), value, value.byteLength, 0);
}

const valueBuffer = Buffer.alloc(65536);

/** The value of an attribute; `undefined` if it is not there. */
export function getXattr(target: Target, name: string): Uint8Array | undefined {
  const length =
    typeof target === "number"
      ? syscall(SYS.fgetxattr, target, pathBytes(name), valueBuffer, valueBuffer.length)
      : syscall(SYS.lgetxattr, pathBytes(target), pathBytes(name), valueBuffer, valueBuffer.length);
  return length < 0 ? undefined : Uint8Array.from(valueBuffer.subarray(0, length));
}

/** All attributes that belong to the content, by name. */
export function listXattrs(target: Target): ReadonlyMap<string, Uint8Array> {
  const names = Buffer.alloc(65536);
  const length =
    typeof target === "number"
      ? syscall(SYS.flistxattr, target, names, names.length)
      : syscall(SYS.llistxattr, pathBytes(target), names, names.length);
  const found = new Map<string, Uint8Array>();
  if (length <= 0) return found;
  for (const name of decodeByteText(names.subarray(0, length)).split("\0")) {
    if (name === "" || isForeignXattr(name)) continue;
    const value = getXattr(target, name);
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

/** True if a failure means that this file system, kernel or process cannot keep such an attribute. */
export function isXattrUnsupported(errno: number): boolean {
  return [ERRNO.EOPNOTSUPP, ERRNO.ENOTSUP, ERRNO.EPERM].includes(-errno);
}
