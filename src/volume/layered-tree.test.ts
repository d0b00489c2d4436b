import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LayeredTree } from "./layered-tree.ts";

let directory: string;
let tree: LayeredTree;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gantry-layers-"));
  const write = (path: string, text: string): void => {
    mkdirSync(join(directory, path, ".."), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  write("low/etc/passwd", "low");
  write("low/etc/only", "low");
  write("low/dir/file", "low");
  write("low/shadowed/file", "low");
  write("top/etc/passwd", "top");
  write("top/shadowed", "a file over a folder");
  symlinkSync("/etc", join(directory, "top/absolute"));
  symlinkSync("../../../../etc/only", join(directory, "top/etc/climbing"));
  symlinkSync("loop", join(directory, "top/loop"));
  tree = new LayeredTree([join(directory, "top"), join(directory, "low")]);
});
afterAll(() => rmSync(directory, { recursive: true }));

const read = (path: string): string | undefined => {
  const entry = tree.lookup(path);
  return entry === undefined ? undefined : entry.kind === "folder" ? "folder" : readFileSync(entry.path, "utf8");
};

test("the topmost layer wins, folders are merged", () => {
  expect([read("/etc/passwd"), read("etc/only"), read("/dir/file"), read("/etc")]).toEqual([
    "top",
    "low",
    "low",
    "folder",
  ]);
  const etc = tree.lookup("/etc");
  expect(etc?.kind === "folder" ? tree.names(etc) : []).toEqual(["climbing", "only", "passwd"]);
});

test("a file hides a folder below it", () => {
  expect([read("/shadowed"), read("/shadowed/file")]).toEqual(["a file over a folder", undefined]);
});

test("links stay inside: absolute ones start at the tree's root, none climbs out, loops end", () => {
  expect([read("/absolute/passwd"), read("/etc/climbing"), read("/../../etc/passwd"), read("/loop")]).toEqual([
    "top",
    "low",
    "top",
    undefined,
  ]);
});
