import { expect, test } from "bun:test";
import { diskError } from "./disk-error.ts";
import { formatError } from "./gantry-error.ts";

function sayOf(code: string): readonly [string, string] {
  const cause = Object.assign(new Error(`${code}: it failed, open '/x'`), { code });
  const error = diskError("cannot write an upload", cause);
  return [error.code, formatError(error)];
}

test("what the disk refuses is said in words, with what to do", () => {
  expect(sayOf("ENOSPC")).toEqual(["exhausted", expect.stringMatching(/no space left on device.*free some space/)]);
  expect(sayOf("EFBIG")).toEqual(["exhausted", expect.stringMatching(/larger than its file system, or the limit/)]);
  expect(sayOf("EROFS")).toEqual([
    "unavailable",
    expect.stringMatching(/the file system is read-only.*another --root/),
  ]);
  expect(sayOf("EMFILE")).toEqual([
    "unavailable",
    expect.stringMatching(/too many files are open.*limit of open files/),
  ]);
  expect(sayOf("SQLITE_IOERR_WRITE")).toEqual([
    "unavailable",
    expect.stringMatching(/its disk fails, or is read-only/),
  ]);
  expect(sayOf("EACCES")).toEqual([
    "permission-denied",
    "cannot write an upload: EACCES: it failed, open '/x' (run it as the user whom that belongs to, or name another place)",
  ]);
  expect(sayOf("EIO")).toEqual(["internal", "cannot write an upload: EIO: it failed, open '/x'"]);
});
