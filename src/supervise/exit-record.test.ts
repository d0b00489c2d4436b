import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parseExitRecord, readExitRecord, writeExitRecord } from "./exit-record.ts";

describe("parseExitRecord", () => {
  test("reads what the monitor writes", () => {
    expect(
      parseExitRecord(
        '{"version":1,"exitCode":137,"signal":9,"oomKilled":true,"finishedAtNs":"1795494394017728324"}\n',
      ),
    ).toEqual({ exitCode: 137, signal: 9, oomKilled: true, finishedAtNs: 1795494394017728324n });
    expect(
      parseExitRecord(
        '{"version":1,"exitCode":125,"signal":0,"oomKilled":false,"finishedAtNs":"1","failure":{"step":3,"errno":2,"text":"a \\"b\\""}}',
      ),
    ).toEqual({ exitCode: 125, oomKilled: false, finishedAtNs: 1n, failure: { step: 3, errno: 2, text: 'a "b"' } });
  });

  test("anything else is no record", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseExitRecord(text)).toBeUndefined();
      }),
    );
  });
});

test("a record that is written can be read, and leaves nothing beside it", () => {
  const directory = mkdtempSync("/tmp/gantry-exit-");
  try {
    const path = join(directory, "exit");
    expect(readExitRecord(path)).toBeUndefined();
    const record = { exitCode: 137, signal: 9, oomKilled: false, finishedAtNs: 5n, monitorLost: true };
    writeExitRecord(path, record);
    expect([readExitRecord(path), readdirSync(directory)]).toEqual([record, ["exit"]]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
