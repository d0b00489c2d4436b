import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ERRNO } from "./errno.ts";
import {
  closeRawFile,
  OPEN,
  openRawFile,
  readRawText,
  removeRawFile,
  removeRawFolder,
  writeRawText,
} from "./raw-file.ts";

function inFolder(act: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "gantry-raw-"));
  try {
    act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("files by bare system calls", () => {
  test("a text of any length is read whole", () => {
    inFolder((folder) => {
      const path = join(folder, "text");
      for (const length of [0, 1, 16_383, 16_384, 16_385, 100_000]) {
        writeFileSync(path, "ä".repeat(length));
        expect(readRawText(path)).toBe("ä".repeat(length));
      }
    });
  });

  test("what is written is added, and kept", () => {
    inFolder((folder) => {
      const path = join(folder, "log");
      for (const text of ["one\n", "two\n"]) {
        const fd = openRawFile(path, OPEN.writeOnly | OPEN.create | OPEN.append, 0o644);
        expect(writeRawText(fd, text)).toBe(0);
        closeRawFile(fd);
      }
      expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    });
  });

  test("what fails is told by its number", () => {
    inFolder((folder) => {
      expect(readRawText(join(folder, "none"))).toBe(-ERRNO.ENOENT);
      expect(readRawText(folder)).toBe(-ERRNO.EISDIR);
      expect(removeRawFile(join(folder, "none"))).toBe(-ERRNO.ENOENT);
      writeFileSync(join(folder, "file"), "");
      expect(removeRawFolder(folder)).toBe(-ERRNO.ENOTEMPTY);
      expect(removeRawFile(join(folder, "file"))).toBe(0);
      expect(removeRawFolder(folder)).toBe(0);
      expect(existsSync(folder)).toBe(false);
    });
  });
});
