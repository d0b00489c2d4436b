import { expect, test } from "bun:test";
import { requireVersion, versionNumber } from "./criu-version.ts";

test("versions are ordered; what was built after a release counts as the next one", () => {
  expect(versionNumber({ major: 3, minor: 17, sublevel: 1, isBetween: false })).toBe(31701);
  expect(versionNumber({ major: 3, minor: 17, sublevel: 1, isBetween: true })).toBe(31800);
});

test("one that is too old is refused in words", () => {
  expect(() => requireVersion(31401, 31500, "--status-fd")).toThrow(
    "--status-fd: criu 3.15.0 or newer is needed, this is 3.14.1",
  );
});
