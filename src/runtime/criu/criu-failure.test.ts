import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatError } from "../../errors/gantry-error.ts";
import { criuFailure, quoteErrors } from "./criu-failure.ts";

const LOG = `(00.000058) Version: 3.17.1 (gitid 0)
(00.986685) Error (criu/files-reg.c:1710): Can't lookup mount=33 for fd=1 path=/project/out
(00.986700) Unlock network
(01.215283)      1: Error (criu/cr-dump.c:2053): Dumping FAILED.
`;

test("the errors of criu's log, without times", () => {
  expect(quoteErrors(LOG)).toEqual([
    "Error (criu/files-reg.c:1710): Can't lookup mount=33 for fd=1 path=/project/out",
    "1: Error (criu/cr-dump.c:2053): Dumping FAILED.",
  ]);
  expect(quoteErrors("")).toEqual([]);
  expect(quoteErrors("(00.1) Error (criu/a.c:1): \u001b]0;title\u0007\n")).toEqual(["Error (criu/a.c:1): ?]0;title?"]);
});

test("a failure says what criu says, and where its log is; without one, the error number", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-criu-"));
  const answer = { type: "dump", isSuccess: false, errno: 17, message: "" } as const;
  const sentence = (): string => formatError(criuFailure("dump it", answer, { folder, file: "dump.log" }));
  expect(sentence()).toBe(
    `cannot dump it: criu failed: EEXIST: file already exists (its log is ${join(folder, "dump.log")})`,
  );
  writeFileSync(join(folder, "dump.log"), "(00.1) Error (criu/a.c:1): no\n");
  expect(sentence()).toContain("criu failed: Error (criu/a.c:1): no (its log is");
  rmSync(folder, { recursive: true });
});
