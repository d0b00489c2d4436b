import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkRelabel } from "./relabel.ts";

describe("checkRelabel", () => {
  test.each(["/", "/usr", "/usr/", "/etc", "/home", "/home/bob", "/var/lib", "/proc/sys/vm", "/dev/shm/x"])(
    "keeps %s as it is",
    (path) => {
      expect(() => checkRelabel(path)).toThrow("is not allowed");
    },
  );

  test.each(["/home/bob/project", "/var/lib/data", "/srv/web", "/usr/local/share"])("may be asked for %s", (path) => {
    expect(() => checkRelabel(path)).not.toThrow();
  });

  test("a link to a folder of the system is that folder", () => {
    const directory = mkdtempSync(join(tmpdir(), "gantry-relabel-"));
    try {
      symlinkSync("/usr", join(directory, "link"));
      expect(() => checkRelabel(join(directory, "link"))).toThrow("SELinux relabeling of /usr is not allowed");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
