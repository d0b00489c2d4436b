import { expect, test } from "bun:test";
import { constants } from "node:os";
import { describeErrno, ERRNO } from "./errno.ts";

test("error numbers are this machine's", () => {
  const known: Readonly<Record<string, number>> = { ...constants.errno };
  expect(Object.entries(ERRNO).filter(([name, number]) => known[name] !== number)).toEqual([]);
});

test("an error number is named and said in words", () => {
  expect(describeErrno(ERRNO.ENOENT)).toBe("ENOENT: no such file or directory");
  expect(describeErrno(9999)).toBe("errno 9999");
});
