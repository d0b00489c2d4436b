import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { readStartTime } from "../platform/process-identity.ts";

/** What a running daemon says of itself in its state folder. */
export interface Announcement {
  readonly pid: number;
  /** Clock ticks since boot: with `pid` it names one process. */
  readonly startTime: number;
  readonly buildId: string;
  /** True if a command started it: such a daemon may be replaced by one of another build. */
  readonly isSelfStarted: boolean;
}

/** Writes it atomically. */
export function writeAnnouncement(path: string, announcement: Announcement): void {
  const temporary = `${path}.${announcement.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(announcement)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
}

/** The announcement of the daemon that still runs, or undefined: none was written, or its process is gone. */
export function readAnnouncement(path: string): Announcement | undefined {
  const last = readLast(path);
  return last !== undefined && readStartTime(last.pid) === last.startTime ? last : undefined;
}

/** True if the daemon that announced itself last was started by a command, whether it still runs or not. */
export function wasSelfStarted(path: string): boolean {
  return readLast(path)?.isSelfStarted === true;
}

function readLast(path: string): Announcement | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isAnnouncement(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAnnouncement(value: unknown): value is Announcement {
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<Record<keyof Announcement, unknown>>;
  return (
    typeof candidate.pid === "number" &&
    typeof candidate.startTime === "number" &&
    typeof candidate.buildId === "string" &&
    typeof candidate.isSelfStarted === "boolean"
  );
}
