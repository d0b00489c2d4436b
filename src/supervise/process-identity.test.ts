import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { spawnHeadless } from "../../test/support/headless-process.ts";
import { isAlive, parseStartTime, sendSignal } from "./process-identity.ts";

const bootId = "boot";

describe("a process's identity", () => {
  test("is read past a hostile name", () => {
    expect(parseStartTime(`7 (a) b) 1 2 3) S ${Array.from({ length: 30 }, (_, index) => index).join(" ")}`)).toBe(18);
    expect(parseStartTime("")).toBeUndefined();
  });

  test("tells a process from another one with its pid, and from one of another boot", async () => {
    const child = spawn("sleep", ["100"]);
    const pid = child.pid ?? 0;
    const startTime = parseStartTime(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? 0;
    const identity = { bootId, pid, startTime };
    expect([
      isAlive(identity, bootId),
      isAlive({ ...identity, startTime: startTime + 1 }, bootId),
      isAlive(identity, "other"),
    ]).toEqual([true, false, false]);
    expect(sendSignal({ ...identity, startTime: 1 }, 9, bootId)).toBe(false);
    const ended = once(child, "exit");
    expect(sendSignal(identity, 9, bootId)).toBe(true);
    await ended;
    expect(isAlive(identity, bootId)).toBe(false);
  });

  test("is that of one whose first thread has ended and others have not, which is signalled too", async () => {
    using child = await spawnHeadless("sleep 1000");
    const pid = child.pid ?? 0;
    const identity = { bootId, pid, startTime: parseStartTime(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? 0 };
    const ended = once(child, "exit");
    expect(isAlive(identity, bootId)).toBe(true);
    expect(sendSignal(identity, 9, bootId)).toBe(true);
    await ended;
    expect(isAlive(identity, bootId)).toBe(false);
  });
});
