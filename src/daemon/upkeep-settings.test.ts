import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UpkeepSettings } from "./upkeep-settings.ts";

test("the file is read anew at each use, and the grace period never becomes shorter than clients were told", () => {
  const folder = mkdtempSync(join(tmpdir(), "gantry-settings-"));
  try {
    const path = join(folder, "registry.toml");
    const say = (grace: string): void => writeFileSync(path, `[collection]\ngrace = "${grace}"\n`);
    const settings = new UpkeepSettings();
    expect(settings.graceMs()).toBe(3_600_000);
    say("10m");
    settings.read(path);
    expect(settings.graceMs()).toBe(600_000);
    settings.use(path);
    say("20m");
    expect([settings.read().collection.graceMs, settings.graceMs()]).toEqual([1_200_000, 1_200_000]);
    say("5m");
    expect([settings.read().collection.graceMs, settings.graceMs()]).toEqual([300_000, 1_200_000]);
    say("soon");
    expect(() => settings.read()).toThrow("collection.grace is not a duration");
    expect(() => settings.read(join(folder, "absent"))).toThrow("cannot read");
    expect(() => settings.read()).toThrow("collection.grace");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
