import { rmSync } from "node:fs";
import { type ExitRecord, readExitRecord, writeExitRecord } from "./exit-record.ts";
import { isAlive, type ProcessIdentity, sendSignal } from "./process-identity.ts";

export interface SettleOptions {
  readonly socketPath: string;
  readonly exitPath: string;
  readonly bootId: string;
  readonly init?: ProcessIdentity;
  readonly monitor?: ProcessIdentity;
  nowNs(): bigint;
}

const SIGKILL = 9;

async function isGone(identity: ProcessIdentity, bootId: string): Promise<void> {
  for (let waitMs = 1; isAlive(identity, bootId); waitMs = Math.min(waitMs * 2, 500))
    await new Promise((resolve) => setTimeout(resolve, waitMs));
}

/**
 * Finds out how a container ended that can no longer be asked about.
 *
 * While its monitor lives nothing is decided and nobody is killed: a monitor that does not answer may be busy, and its
 * record comes before its end. A monitor that left no record was killed: then init is killed too, if it is still that
 * very process, and 137 recorded. What else runs in the cgroup is the caller's to kill. Idempotent.
 */
export async function settleExit(options: SettleOptions): Promise<ExitRecord> {
  const { socketPath, exitPath, bootId, init, monitor } = options;
  if (monitor !== undefined) await isGone(monitor, bootId);
  const record = readExitRecord(exitPath);
  if (record !== undefined) return record;
  if (init !== undefined) {
    sendSignal(init, SIGKILL, bootId);
    await isGone(init, bootId);
  }
  const lost: ExitRecord = {
    exitCode: 128 + SIGKILL,
    signal: SIGKILL,
    oomKilled: false,
    finishedAtNs: options.nowNs(),
    monitorLost: true,
  };
  try {
    writeExitRecord(exitPath, lost);
    rmSync(socketPath, { force: true });
  } catch {
    // A full disk, or a root that is being removed: the answer is as true without its record, and asking again gives it again.
  }
  return lost;
}
