import { ERRNO } from "./errno.ts";
import { SYS, syscall } from "./libc.ts";

const POLLIN = 1;
/** Of `struct pollfd`: poll(2). */
const ENTRY_BYTES = 8;
const FOUND_AT = 6;

/**
 * Waits until one of these descriptors can be read from, or its other side has ended. The thread waits.
 *
 * @param descriptors a negative one is never ready.
 * @returns for each whether it is ready, or -errno.
 */
export function awaitReadable(descriptors: readonly number[]): readonly boolean[] | number {
  const entries = Buffer.alloc(descriptors.length * ENTRY_BYTES);
  descriptors.forEach((fd, index) => {
    entries.writeInt32LE(fd, index * ENTRY_BYTES);
    entries.writeInt16LE(POLLIN, index * ENTRY_BYTES + 4);
  });
  for (;;) {
    const count = syscall(SYS.ppoll, entries, descriptors.length, 0, 0, 0);
    if (count === -ERRNO.EINTR) continue;
    if (count < 0) return count;
    return descriptors.map((_, index) => entries.readInt16LE(index * ENTRY_BYTES + FOUND_AT) !== 0);
  }
}
