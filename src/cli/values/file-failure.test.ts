import { expect, test } from "bun:test";
import { openSync } from "node:fs";
import { fakeApi, frames, runMain } from "../../../test/support/cli-double.ts";
import { fileFailure } from "./file-failure.ts";

test("a file's failure is told with the name that the user gave, as Go does", () => {
  let caught: unknown;
  try {
    openSync("/proc/nowhere/file", "r");
  } catch (error) {
    caught = error;
  }
  expect(fileFailure("my file", caught)).toMatchObject({ message: "open my file: no such file or directory" });
  expect(fileFailure("loop", Object.assign(new Error("ELOOP"), { code: "ELOOP" }))).toMatchObject({
    message: "open loop: too many levels of symbolic links",
  });
  const other = new Error("not a file's");
  expect(fileFailure("my file", other)).toBe(other);
});

test("save and --cidfile name the file that cannot be made, and no other", async () => {
  const api = fakeApi({
    saveImages: async () =>
      (async function* () {
        for await (const { bytes } of frames(["stdout", "archive"])) yield bytes;
      })(),
  });
  expect((await runMain(["save", "-o", "/proc/nowhere/file", "busybox"], { api })).stderr).toBe(
    "open /proc/nowhere/file: no such file or directory\n",
  );
  expect(fileFailure("my file", Object.assign(new Error("x"), { code: "ENOSPC" }), "write")).toMatchObject({
    message: "write my file: no space left on device",
  });
  const run = await runMain(["run", "--cidfile", "/proc/nowhere/id", "busybox"], { api });
  expect(run.status).toBe(125);
  expect(run.stderr).toStartWith(
    "gantry: failed to create the container ID file: open /proc/nowhere/id: no such file or directory\n",
  );
});
