import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUNTIMES, RuntimeBundle, runtimeSkipReason } from "../support/runtime-bundle.ts";

const canRun = runtimeSkipReason() === undefined && process.arch === "x64" && Bun.which("cc") !== null;
const [[, gantry] = ["", []]] = RUNTIMES;

describe.skipIf(!canRun)("on a kernel whose mount_setattr does not know of links that are not followed", () => {
  let folder: string;
  let program: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "gantry-old-"));
    program = join(folder, "linux-5.12");
    const source = join(import.meta.dirname, "../support/linux-5.12.c");
    const { exitCode, stderr } = Bun.spawnSync(["cc", "-O1", "-Wall", "-o", program, source]);
    if (exitCode !== 0) throw new Error(`${source} does not compile: ${stderr}`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The attributes of what is mounted, by place. */
  function mountsWith(command: readonly string[]): Readonly<Record<string, string>> {
    using bundle = new RuntimeBundle([...command, ...gantry]);
    const bind = { type: "bind", source: folder };
    bundle.write({
      process: { args: ["cat", "/proc/self/mountinfo"] },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/new", type: "tmpfs", source: "tmpfs", options: ["nosymfollow", "nodev", "strictatime"] },
        { destination: "/bound", ...bind, options: ["rbind", "nosymfollow", "nosuid", "noatime"] },
        { destination: "/readonly", ...bind, options: ["rbind", "ro"] },
        { destination: "/again", ...bind, options: ["rbind"] },
        { destination: "/again", ...bind, options: ["bind", "remount", "nosymfollow", "noexec"] },
        { destination: "/back", ...bind, options: ["rbind", "nosymfollow"] },
        { destination: "/back", ...bind, options: ["bind", "remount", "ro"] },
      ],
    });
    const { status, stdout, stderr } = bundle.run("run", `gantry-test-${process.pid}-old`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const places = new Set(["/new", "/bound", "/readonly", "/again", "/back"]);
    const lines = stdout.split("\n").map((line) => line.split(" "));
    return Object.fromEntries(
      lines.flatMap(([, , , , place = "", attributes = ""]) => (places.has(place) ? [[place, attributes]] : [])),
    );
  }

  test("mounts have what was asked for, as on a new one", () => {
    const old = mountsWith([program]);
    expect(old).toEqual(mountsWith([]));
    expect(old).toMatchObject({
      "/new": "rw,nodev,nosymfollow",
      "/bound": "rw,nosuid,noatime,nosymfollow",
      "/readonly": "ro,relatime",
    });
  });

  test("what would have to be said of all mounts below one is refused by name", () => {
    using bundle = new RuntimeBundle([program, ...gantry]);
    bundle.write({ mounts: [{ destination: "/x", type: "bind", source: folder, options: ["rbind", "rnosymfollow"] }] });
    const { status, stderr } = bundle.run("run", `gantry-test-${process.pid}-old`);
    expect({ status, names: stderr.includes("rnosymfollow") && stderr.includes("5.14") }).toEqual({
      status: 1,
      names: true,
    });
  });
});
