import { describe, expect, test } from "bun:test";
import { ERRNO } from "./errno.ts";
import { cString, SYS, syscall } from "./libc.ts";

describe("syscall", () => {
  test("returns the kernel's result", () => {
    expect(syscall(SYS.getpid)).toBe(process.pid);
  });

  test("returns -errno on failure, each time", () => {
    for (let round = 0; round < 1000; round++) {
      expect(syscall(SYS.openat, -100, cString("/no/such/file"), 0, 0)).toBe(-ERRNO.ENOENT);
      expect(syscall(SYS.close, 123456)).toBe(-ERRNO.EBADF);
    }
  });
});
