import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ReadLogOptions, readLog } from "./log-reader.ts";
import { parseLogRecord, parseLogTime } from "./log-record.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync("/tmp/gantry-log-");
});
afterEach(() => rmSync(directory, { recursive: true }));

const line = (second: number, text: string, stream = "stdout", tag = "F") =>
  `1970-01-01T00:00:${String(second).padStart(2, "0")}.000000001Z ${stream} ${tag} ${text}\n`;
const write = (number: number, ...lines: string[]) => writeFileSync(join(directory, `${number}.log`), lines.join(""));

async function read(options: ReadLogOptions = {}): Promise<string[]> {
  const texts: string[] = [];
  for await (const record of readLog(() => directory, options)) texts.push(Buffer.from(record.bytes).toString());
  return texts;
}

describe("parseLogRecord", () => {
  test("reads a line and a part of one", () => {
    expect(parseLogRecord(Buffer.from(line(1, "a b")))).toEqual({
      timeNs: 1_000_000_001n,
      stream: "stdout",
      bytes: Uint8Array.from(Buffer.from("a b\n")),
      isPartial: false,
    });
    expect(Buffer.from(parseLogRecord(Buffer.from(line(1, "part", "stderr", "P")))?.bytes ?? []).toString()).toBe(
      "part",
    );
  });

  test("anything else is none", () => {
    for (const text of ["", "\n", "x stdout F y\n", `${line(1, "x").trimEnd()}`, "1970-01-01T00:00:01Z stdin F x\n"])
      expect(parseLogRecord(Buffer.from(text))).toBeUndefined();
  });

  test("counts nanoseconds", () => {
    expect(parseLogTime("2026-11-24T04:26:34.005534187Z")).toBe(1795494394005534187n);
    expect(parseLogTime("2026-11-24 04:26:34Z")).toBeUndefined();
  });
});

describe("readLog", () => {
  test("reads all files in their order, and skips what is torn", async () => {
    write(9, line(1, "one"), "garb\0age\n");
    write(10, line(2, "two"), line(3, "three", "stderr"), "1970-01-01T00:00:04.0");
    expect(await read()).toEqual(["one\n", "two\n", "three\n"]);
    expect(await read({ streams: ["stderr"] })).toEqual(["three\n"]);
    expect(await read({ sinceNs: 2_000_000_000n, untilNs: 2_500_000_000n })).toEqual(["two\n"]);
  });

  test("a tail counts lines, not their parts, across files", async () => {
    write(1, line(1, "one"), line(2, "two"));
    write(2, line(3, "a", "stdout", "P"), line(3, "b", "stdout", "P"), line(3, "c"));
    expect(await read({ tail: 1 })).toEqual(["a", "b", "c\n"]);
    expect(await read({ tail: 2 })).toEqual(["two\n", "a", "b", "c\n"]);
    expect(await read({ tail: 0 })).toEqual([]);
    expect(await read({ tail: 9 })).toEqual(["one\n", "two\n", "a", "b", "c\n"]);
  });

  test("no log is an empty one", async () => {
    rmSync(directory, { recursive: true });
    expect(await read()).toEqual([]);
    expect(await read({ follow: true, ended: Promise.resolve() })).toEqual([]);
    directory = mkdtempSync("/tmp/gantry-log-");
  });

  test("a follower sees what is appended, goes on with the next file, and ends with the container", async () => {
    write(1, line(1, "one"));
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const seen: string[] = [];
    for await (const record of readLog(() => directory, { follow: true, ended })) {
      seen.push(Buffer.from(record.bytes).toString());
      if (seen.length === 1) appendFileSync(join(directory, "1.log"), line(2, "two"));
      if (seen.length === 2) write(2, line(3, "three"));
      if (seen.length === 3) {
        appendFileSync(join(directory, "2.log"), line(4, "last"));
        end();
      }
    }
    expect(seen).toEqual(["one\n", "two\n", "three\n", "last\n"]);
  });

  test("an abort ends a follower", async () => {
    write(1, line(1, "one"));
    const controller = new AbortController();
    for await (const _ of readLog(() => directory, {
      follow: true,
      ended: new Promise(() => {}),
      signal: controller.signal,
    }))
      controller.abort();
  });
});
