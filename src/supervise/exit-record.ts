import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { StepFailure } from "../runtime/plan/explain-failure.ts";

/** How a container or an exec ended: the truth about it, safe against killed processes. */
export interface ExitRecord {
  /** 0–255; 128 + n when ended by signal n. */
  readonly exitCode: number;
  readonly signal?: number;
  readonly oomKilled: boolean;
  /** Wall clock. */
  readonly finishedAtNs: bigint;
  /** The step that failed, when the program never ran. */
  readonly failure?: StepFailure;
  /** True when the monitor was killed, so that nobody knows how the container ended. */
  readonly monitorLost?: boolean;
}

function parseFailure(value: unknown): StepFailure | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { step, errno, text } = value as Record<string, unknown>;
  return typeof step === "number" && typeof errno === "number" && typeof text === "string"
    ? { step, errno, text }
    : undefined;
}

/** Parses the text of a record; undefined when it is none. */
export function parseExitRecord(text: string): ExitRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { exitCode, signal, oomKilled, finishedAtNs, failure, monitorLost } = value as Record<string, unknown>;
  if (typeof exitCode !== "number" || typeof finishedAtNs !== "string" || !/^\d{1,20}$/.test(finishedAtNs))
    return undefined;
  const step = parseFailure(failure);
  return {
    exitCode,
    ...(typeof signal === "number" && signal > 0 ? { signal } : {}),
    oomKilled: oomKilled === true,
    finishedAtNs: BigInt(finishedAtNs),
    ...(step === undefined ? {} : { failure: step }),
    ...(monitorLost === true ? { monitorLost } : {}),
  };
}

/** Reads a record; undefined when there is none (yet). */
export function readExitRecord(path: string): ExitRecord | undefined {
  try {
    return parseExitRecord(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a record as the monitor does: it appears as a whole or not at all. Only the process that owns the root does so. */
export function writeExitRecord(path: string, record: ExitRecord): void {
  const temporary = `${path}.settled.tmp`;
  writeFileSync(
    temporary,
    `${JSON.stringify({ version: 1, ...record, finishedAtNs: record.finishedAtNs.toString() })}\n`,
    { mode: 0o600 },
  );
  renameSync(temporary, path);
}
