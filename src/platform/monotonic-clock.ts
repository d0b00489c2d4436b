import { SYS, syscall } from "./libc.ts";

const CLOCK_MONOTONIC = 1;

/** Microseconds of the clock that all processes of a host share; `performance.now` counts from the process's own start. */
export function monotonicUs(): number {
  const time = new BigInt64Array(2);
  syscall(SYS.clock_gettime, CLOCK_MONOTONIC, time);
  return Number(time[0] ?? 0n) * 1e6 + Number(time[1] ?? 0n) / 1e3;
}
