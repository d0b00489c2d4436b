import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptorsOf } from "./checkpoint-container.ts";
import type { OpenContainer } from "./open-container.ts";
import { readDescriptors, writeDescriptors } from "./stream-descriptors.ts";

function withFolder(use: (folder: string, file: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "gantry-images-"));
  try {
    use(folder, join(folder, "descriptors.json"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("descriptors.json", () => {
  test("is read as it was written, and no link is written through", () => {
    withFolder((folder, file) => {
      const precious = join(folder, "precious");
      writeFileSync(precious, "kept");
      symlinkSync(precious, file);
      writeDescriptors(folder, ["/dev/null", "pipe:[1]", "pipe:[2]"]);
      expect(readDescriptors(folder)).toEqual(["/dev/null", "pipe:[1]", "pipe:[2]"]);
      expect(readFileSync(precious, "utf8")).toBe("kept");
    });
  });

  test("gives nobody criu's socket, which is 3, nor namespaces, which are 4 and more", () => {
    withFolder((folder, file) => {
      writeFileSync(file, JSON.stringify(["", "", "", "pipe:[7]", "pipe:[8]"]));
      expect(() => readDescriptors(folder)).toThrow("is not a list of at most 3 texts");
    });
  });

  test("that is a link, a fifo or without an end is refused", () => {
    withFolder((folder, file) => {
      symlinkSync("/etc/passwd", file);
      expect(() => readDescriptors(folder)).toThrow("there is no checkpoint");
      rmSync(file);
      expect(spawnSync("mkfifo", [file]).status).toBe(0);
      expect(() => readDescriptors(folder)).toThrow("is no file of at most");
      rmSync(file);
      writeFileSync(file, `${" ".repeat(70_000)}[]`);
      expect(() => readDescriptors(folder)).toThrow("is no file of at most");
    });
  });
});

test("a container whose state does not say what its streams were, as a release before wrote it, has those of its init", () => {
  const container = { state: { spec: { ociVersion: "1.2.0" } } } as unknown as OpenContainer;
  const own = [0, 1, 2].map((fd) => readlinkSync(`/proc/self/fd/${fd}`));
  expect(descriptorsOf(container, process.pid)).toEqual(own);
});
