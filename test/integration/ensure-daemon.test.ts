import { expect, test } from "bun:test";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeAnnouncement } from "../../src/daemon/announcement.ts";
import { ensureDaemon } from "../../src/daemon/ensure-daemon.ts";
import { resolveLocations } from "../../src/daemon/locations.ts";
import { currentBuildId } from "../../src/platform/build-id.ts";
import { parseStartTime } from "../../src/supervise/index.ts";
import { spawnHeadless } from "../support/headless-process.ts";

/** Stands for a daemon: refuses, as one does whose root is locked, while the process of the argument lives; else it serves. */
const FAKE_DAEMON = `
  const [old, ...flags] = process.argv.slice(1);
  try {
    process.kill(Number(old), 0);
    console.error("the root is in use");
    process.exit(1);
  } catch {}
  const path = flags[flags.indexOf("--host") + 1].slice("unix://".length);
  const server = require("node:net").createServer((socket) => { socket.destroy(); server.close(); });
  server.listen(path);
`;

test("who may start none is told that there is none, and nothing is made", async () => {
  const state = join(tmpdir(), `gantry-ensure-none-${process.pid}`);
  const locations = resolveLocations({ root: join(state, "root"), state }, {});
  const selfCommand = (): never => {
    throw new Error("a daemon was to be started");
  };
  const refusal = expect.objectContaining({
    code: "unavailable",
    message: `no daemon answers at ${state}/gantry.sock`,
  });
  for (const userId of [0, 1000]) {
    await expect(ensureDaemon(locations, { selfCommand, userId, mayStart: false })).rejects.toEqual(refusal);
  }
  expect(existsSync(state)).toBe(false);
  // Somebody has started one before.
  mkdirSync(state);
  writeFileSync(join(state, "start.lock"), "");
  await expect(ensureDaemon(locations, { selfCommand, userId: 0, mayStart: false })).rejects.toEqual(refusal);
  rmSync(state, { recursive: true });
});

/** Commands that come while a daemon ends: it has no socket any more, and has the root still. */
async function expectNextAfter(old: ChildProcess, state: string): Promise<void> {
  const locations = resolveLocations({ root: join(state, "root"), state }, {});
  mkdirSync(locations.root);
  try {
    const pid = old.pid ?? 0;
    const startTime = startTimeOf(pid);
    writeAnnouncement(locations.announcementPath, { pid, startTime, buildId: currentBuildId(), isSelfStarted: true });
    const selfCommand = (): [string, ...string[]] => [process.execPath, "-e", FAKE_DAEMON, String(pid)];
    const connection = await ensureDaemon(locations, { selfCommand, userId: 0 });
    connection.close();
    expect(old.exitCode ?? old.signalCode).not.toBeNull();
  } finally {
    old.kill("SIGKILL");
    rmSync(state, { recursive: true, force: true });
  }
}

function startTimeOf(pid: number): number {
  return parseStartTime(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? 0;
}

test("a daemon that closes its socket before it lets go of its root is waited for", async () => {
  const state = mkdtempSync(join(tmpdir(), "gantry-ensure-"));
  const script = 'until [ -e "$1/start.lock" ]; do :; done; sleep 0.3';
  await expectNextAfter(spawn("sh", ["-c", script, "sh", state]), state);
});

test("so is one whose first thread has ended: its others hold the root until they have", async () => {
  const state = mkdtempSync(join(tmpdir(), "gantry-ensure-"));
  const work = 'select(undef, undef, undef, 0.01) until -e "$ARGV[0]/start.lock"; select(undef, undef, undef, 0.3)';
  using old = await spawnHeadless(work, state);
  await expectNextAfter(old, state);
});
