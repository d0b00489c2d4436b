import { ptr } from "bun:ffi";

/**
 * The address of `memory`, for a structure of a system call that holds pointers. It keeps nothing alive: the caller
 * holds on to `memory` until the call is over.
 */
export function addressOf(memory: NodeJS.TypedArray): bigint {
  return memory.byteLength === 0 ? 0n : BigInt(ptr(memory));
}
