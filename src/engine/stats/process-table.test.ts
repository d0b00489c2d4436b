import { expect, test } from "bun:test";
import { parseProcess, parsePsArguments } from "./process-table.ts";

const host = { nowMs: 1_000_000, uptimeSeconds: 200, memoryBytes: 1 << 30, names: new Map([[5, "bob"]]) };

test("reads a process whose name has blanks and parentheses", () => {
  const stat = "42 (a) b (c) S 1 42 42 34816 42 0 0 0 0 0 150 50 0 0 20 0 3 0 10000 4096000 100 0";
  const facts = parseProcess({ stat, status: "Name:\tx\nUid:\t5\t5\t5\t5\n", commandLine: "run me" }, host);
  expect(facts).toMatchObject({
    pid: 42,
    ppid: 1,
    name: "a) b (c",
    user: "bob",
    args: "run me",
    terminal: "pts/0",
    cpuSeconds: 2,
    elapsedSeconds: 100,
    threads: 3,
    residentBytes: 409600,
  });
});

test("columns as ps takes them; others are refused by name", () => {
  const titles = (text: string): string[] => parsePsArguments(text).map((column) => column.title);
  expect(titles("")).toEqual(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
  expect(titles("aux")[0]).toBe("USER");
  for (const text of ["-o pid,comm", "-eo pid,comm", "-opid,comm", "-o pid -o comm"]) {
    expect(titles(text)).toEqual(["PID", "COMMAND"]);
  }
  expect(() => titles("-o comm")).toThrow("Couldn't find PID field in ps output");
  expect(() => titles("-o pid,wchan")).toThrow("ps has no column wchan here");
  expect(() => titles("--forest")).toThrow("ps --forest is not supported");
});
