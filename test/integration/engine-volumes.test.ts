import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineFixture } from "./engine-fixture.ts";

let fixture: EngineFixture;
beforeAll(async () => {
  fixture = await EngineFixture.open({ image: { Volumes: { "/data": {} } } });
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
});

test("an image's volume is anonymous, filled from the image, and goes with --rm", async () => {
  const { stdout } = await fixture.run({ command: ["sh", "-c", "cat /data/file; ls /data"], autoRemove: true });
  expect(stdout).toBe("from the image\ndeep\nfile\n");
  expect(fixture.volumes.list()).toEqual([]);
});

test("a named volume is filled once, keeps what is written, and stays", async () => {
  const mounts = [{ type: "volume" as const, name: "kept", target: "/data", readOnly: false }];
  await fixture.run({ command: ["sh", "-c", "echo changed > /data/file; rm -r /data/deep"], mounts, autoRemove: true });
  const { stdout } = await fixture.run({ command: ["sh", "-c", "cat /data/file; ls /data"], mounts, autoRemove: true });
  expect(stdout).toBe("changed\nfile\n");
  expect(fixture.volumes.list().map((volume) => volume.name)).toEqual(["kept"]);
  await fixture.volumes.remove("kept", { usedBy: fixture.engine.volumeUsers("kept") });
});

test("a volume in use is not removed", async () => {
  const mounts = [{ type: "volume" as const, name: "used", target: "/data", readOnly: true }];
  const { id } = await fixture.engine.create({ image: "box", mounts, network: { mode: "none" } }, {});
  await expect(fixture.volumes.remove("used", { usedBy: fixture.engine.volumeUsers("used") })).rejects.toThrow(
    `remove used: volume is in use - [${id}]`,
  );
  await fixture.engine.remove(id);
  await fixture.volumes.remove("used", { usedBy: fixture.engine.volumeUsers("used") });
});

test("binds: read-only, a missing source made for -v and refused for --mount", async () => {
  const source = join(fixture.directory, "shared");
  mkdirSync(source);
  writeFileSync(join(source, "f"), "host\n");
  const bind = { type: "bind" as const, source, target: "/mnt", readOnly: true, createSource: false };
  const { stdout, stderr } = await fixture.run({
    command: ["sh", "-c", "cat /mnt/f; touch /mnt/g"],
    mounts: [bind],
    autoRemove: true,
  });
  expect(stdout + stderr).toBe("host\ntouch: /mnt/g: Read-only file system\n");
  const missing = { ...bind, source: `${source}/none`, target: "/mnt" };
  await expect(fixture.run({ mounts: [missing] })).rejects.toThrow(`bind source path does not exist: ${source}/none`);
  await fixture.run({ command: ["true"], mounts: [{ ...missing, createSource: true }], autoRemove: true });
  expect(existsSync(`${source}/none`)).toBe(true);
});

test("a failed creation leaves no volume and no folder", async () => {
  const mounts = [
    { type: "volume" as const, name: "never", target: "/v", readOnly: false },
    { type: "bind" as const, source: "/no/such/source", target: "/b", readOnly: false, createSource: false },
  ];
  await expect(fixture.engine.create({ image: "box", mounts }, {})).rejects.toThrow("bind source path does not exist");
  expect(fixture.volumes.list()).toEqual([]);
  expect(fixture.leftovers()).toEqual([]);
});
