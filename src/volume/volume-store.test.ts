import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { State } from "../state/state.ts";
import { LayeredTree } from "./layered-tree.ts";
import { VOLUME_MIGRATIONS } from "./volume-migrations.ts";
import { VolumeStore } from "./volume-store.ts";

let directory: string;
let state: State;
const open = (): VolumeStore =>
  new VolumeStore({
    directory: join(directory, "volumes"),
    state,
    clock: { nowNs: () => 5n },
    randomBytes: (count) => randomBytes(count),
  });
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gantry-volumes-"));
  state = State.open(join(directory, "state.db"), { migrations: VOLUME_MIGRATIONS, now: () => 0 });
});
afterEach(() => {
  state.close();
  rmSync(directory, { recursive: true });
});

test("a volume is made once, is listed, survives, and goes with its files", async () => {
  const store = open();
  expect(store.create({ name: "data", labels: { a: "b" } }).isNew).toBe(true);
  expect(store.create({ name: "data" }).isNew).toBe(false);
  const [volume] = open().list();
  expect(volume).toMatchObject({ name: "data", labels: { a: "b" }, createdAtNs: 5n, isAnonymous: false });
  writeFileSync(join(volume?.mountpoint ?? "", "file"), "x");
  await expect(store.remove("data", { usedBy: ["c1"] })).rejects.toThrow("remove data: volume is in use - [c1]");
  await store.remove("data", { usedBy: [] });
  expect([store.list(), readdirSync(join(directory, "volumes"))]).toEqual([[], []]);
  await expect(store.remove("data", { usedBy: [] })).rejects.toThrow("get data: no such volume");
  await store.remove("data", { usedBy: [], force: true });
});

test("names that would leave the folder are refused", () => {
  for (const name of ["../x", ".", "..", "a/b", "x", "", "a\0b"]) {
    expect(() => open().create({ name })).toThrow("includes invalid characters");
  }
});

test("what was being made when the daemon died is gone; what was settled stays", () => {
  const store = open();
  store.create({ name: "kept", pendingFor: "c1" });
  store.settle(["kept"]);
  store.create({ name: "lost", pendingFor: "c2" });
  expect(
    open()
      .list()
      .map((volume) => volume.name),
  ).toEqual(["kept"]);
  expect(existsSync(join(directory, "volumes/lost"))).toBe(false);
});

test("a folder without a row is adopted, unless its removal was under way", () => {
  mkdirSync(join(directory, "volumes/restored/_data"), { recursive: true });
  expect(
    open()
      .list()
      .map((volume) => volume.name),
  ).toEqual(["restored"]);
});

test("is filled from the image while it is empty, and again after a copy that was cut short", async () => {
  mkdirSync(join(directory, "layer/data"), { recursive: true });
  writeFileSync(join(directory, "layer/data/file"), "image", { mode: 0o640 });
  const tree = new LayeredTree([join(directory, "layer")]);
  const store = open();
  const { volume } = store.create({ name: "filled" });
  const file = join(volume.mountpoint, "file");
  await store.populate("filled", tree, "/data");
  expect(readFileSync(file, "utf8")).toBe("image");
  writeFileSync(file, "changed");
  await store.populate("filled", tree, "/data");
  expect(readFileSync(file, "utf8")).toBe("changed");
  mkdirSync(join(directory, "volumes/filled/copying"));
  await store.populate("filled", tree, "/data");
  expect(readFileSync(file, "utf8")).toBe("image");
});
