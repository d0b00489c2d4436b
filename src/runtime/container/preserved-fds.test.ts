import { describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { planPreservedFds } from "./preserved-fds.ts";

/** What is planned while a few descriptors from 3 on are open for certain. */
function plan(environment: Record<string, string | undefined>, preserveFds = 0, listenPid?: number) {
  const opened = Array.from({ length: 8 }, () => openSync("/dev/null", "r"));
  try {
    return planPreservedFds({ environment, preserveFds, ...(listenPid === undefined ? {} : { listenPid }) });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

describe("planPreservedFds", () => {
  test("sockets that are meant for us come first, and the program is told of them", () => {
    const environment = { LISTEN_FDS: "2", LISTEN_PID: "77", LISTEN_FDNAMES: "web:api" };
    expect(plan(environment, 1, 77)).toEqual({
      count: 3,
      environment: ["LISTEN_FDS=2", "LISTEN_PID=1", "LISTEN_FDNAMES=web:api"],
    });
  });

  test.each([
    { LISTEN_FDS: "2" },
    { LISTEN_FDS: "2", LISTEN_PID: "1" },
    { LISTEN_FDS: "x", LISTEN_PID: "77" },
    { LISTEN_FDS: "-1", LISTEN_PID: "77" },
    { LISTEN_FDS: "", LISTEN_PID: "77" },
    { LISTEN_FDS: "0", LISTEN_PID: "77" },
  ])("those of another, or nonsense, are none: %j", (environment) => {
    expect(plan(environment, 0, 77)).toEqual({ count: 0, environment: [] });
  });

  test("whoever joins a container gets none", () => {
    expect(plan({ LISTEN_FDS: "1", LISTEN_PID: "77" })).toEqual({ count: 0, environment: [] });
  });

  test("fewer than none is none; one that is not open, or far too many, is refused by name", () => {
    expect(plan({}, -1).count).toBe(0);
    expect(() => plan({}, 4000)).toThrow("is to be preserved and is not open");
    expect(() => plan({}, 5000)).toThrow("--preserve-fds: 5000 is more than 4096");
  });
});
