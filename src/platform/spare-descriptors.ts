import { closeSync, openSync } from "node:fs";
import { SYS, syscall } from "./libc.ts";

/** RLIMIT_NOFILE (asm-generic/resource.h). */
const RLIMIT_NOFILE = 7;

/** How many descriptors this process may have (getrlimit(2)); Bun raises that to the hard limit when it starts. */
export function descriptorLimit(): number {
  const limits = new BigUint64Array(2);
  const result = syscall(SYS.prlimit64, 0, RLIMIT_NOFILE, null, limits);
  return result < 0 ? Number.POSITIVE_INFINITY : Number(limits[0]);
}

/** True if so many more descriptors can be had at this moment. They are taken and given back: nothing else counts them exactly. */
export function hasSpareDescriptors(count: number): boolean {
  const taken: number[] = [];
  try {
    while (taken.length < count) taken.push(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    // ENFILE: none are left on the whole host.
    return !(error instanceof Error && "code" in error && (error.code === "EMFILE" || error.code === "ENFILE"));
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
}
