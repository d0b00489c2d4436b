import { rmSync, writeFileSync } from "node:fs";
import type { ServeRegistryRequest } from "../api/registry.ts";
import { freeSocketPath } from "../doors/docker/free-socket-path.ts";
import { formatError, isGantryError } from "../errors/gantry-error.ts";
import { currentBuildId } from "../platform/build-id.ts";
import { readStartTime } from "../platform/process-identity.ts";
import { lockRoot, lockStateFolder } from "../state/root-lock.ts";
import { writeAnnouncement } from "./announcement.ts";
import type { Locations } from "./locations.ts";
import { makeFolder } from "./make-folder.ts";

export interface RunDaemonOptions {
  /** A command started it, and one of another build may replace it. */
  readonly isSelfStarted: boolean;
  /** Serve the registry too. @default only when a command asks for it */
  readonly registry?: ServeRegistryRequest;
}

/**
 * Serves a root until SIGTERM or SIGINT; containers outlive it.
 *
 * @returns the status to end with: 0 after a signal, 1 with a sentence on stderr if it could not start.
 */
export async function runDaemon(locations: Locations, options: RunDaemonOptions): Promise<number> {
  try {
    if (process.getuid?.() !== 0) {
      tell("the daemon needs root: containers are made of kernel features that only root may use (run it with sudo)");
      return 1;
    }
    outliveReaders();
    // Whoever started it may have a stricter one: containers' users must be able to enter the folders that are made for them.
    process.umask(0o022);
    makeFolder(locations.state, "--state");
    makeFolder(locations.root, "--root");
    using _root = lockRoot(locations.root);
    using _state = lockStateFolder(locations.state);
    await freeSocketPath(locations.socketPath);
    const { openDaemon } = await import("./open-daemon.ts");
    await using daemon = await openDaemon(locations, { warn: tell });
    const identity = { pid: process.pid, startTime: readStartTime(process.pid) ?? 0, buildId: currentBuildId() };
    writeAnnouncement(locations.announcementPath, { ...identity, isSelfStarted: options.isSelfStarted });
    using _pid = pidFile(locations.pidPath);
    await daemon.serve(options.registry);
    if (!options.isSelfStarted) tell(`ready at unix://${locations.socketPath}`);
    await signalled();
    rmSync(locations.socketPath, { force: true });
    return 0;
  } catch (error) {
    tell(formatError(error));
    return isGantryError(error) ? 1 : 70;
  }
}

function pidFile(path: string): Disposable {
  writeFileSync(path, `${process.pid}\n`);
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** Resolves at the first SIGTERM or SIGINT. */
function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    // A daemon that was started from a terminal outlives it.
    process.on("SIGHUP", () => {});
  });
}

/** Whoever reads what is printed may be gone; the daemon stays. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

function tell(sentence: string): void {
  process.stderr.write(`gantry: ${sentence}\n`);
}
