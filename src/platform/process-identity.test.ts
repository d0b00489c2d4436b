import { expect, test } from "bun:test";
import { once } from "node:events";
import { spawnHeadless } from "../../test/support/headless-process.ts";
import { readStartTime } from "./process-identity.ts";

test("a process is there until its last thread has ended, though its first one has", async () => {
  using child = await spawnHeadless("sleep 1000");
  const pid = child.pid ?? 0;
  const ended = once(child, "exit");
  expect(readStartTime(pid)).toBeDefined();
  child.kill("SIGKILL");
  await ended;
  expect(readStartTime(pid)).toBeUndefined();
});
