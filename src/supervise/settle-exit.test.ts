import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readExitRecord, writeExitRecord } from "./exit-record.ts";
import { settleExit } from "./settle-exit.ts";

const nowNs = (): bigint => 7n;
const lost = { exitCode: 137, signal: 9, oomKilled: false, finishedAtNs: 7n, monitorLost: true };

test("the monitor's record is the truth; without one the container is recorded as lost, once", async () => {
  const directory = mkdtempSync("/tmp/gantry-settle-");
  try {
    const options = { socketPath: join(directory, "s"), exitPath: join(directory, "e"), bootId: "b", nowNs };
    expect([await settleExit(options), readExitRecord(options.exitPath)]).toEqual([lost, lost]);
    const record = { exitCode: 3, oomKilled: false, finishedAtNs: 1n };
    writeExitRecord(options.exitPath, record);
    expect(await settleExit(options)).toEqual(record);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a record that cannot be written does not hide the answer", async () => {
  const options = { socketPath: "/no/such/s", exitPath: "/no/such/e", bootId: "b", nowNs };
  expect(await settleExit(options)).toEqual(lost);
});
