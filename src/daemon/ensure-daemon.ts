import { existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { GantryError } from "../errors/gantry-error.ts";
import { currentBuildId } from "../platform/build-id.ts";
import { connectUnix } from "../platform/connect-unix.ts";
import type { SocketStream } from "../platform/socket-stream.ts";
import { type Announcement, readAnnouncement, wasSelfStarted } from "./announcement.ts";
import type { Locations } from "./locations.ts";
import { makeFolder } from "./make-folder.ts";

export interface EnsureDaemonOptions {
  /** The command that starts this program. */
  readonly selfCommand: () => readonly [string, ...string[]];
  /** The user's number: only root can start a daemon. */
  readonly userId: number;
  /** False for who wants one that is there already, or on its way. @default true */
  readonly mayStart?: boolean;
  /** @default 30000 */
  readonly timeoutMs?: number;
}

const POLL_MS = 5;
/** How long a daemon that somebody else has just started on this root may take until it answers. */
const RIVAL_MS = 5000;

/**
 * Makes sure that a daemon of this build, or one that somebody else looks after, answers at the socket.
 *
 * None answers: one is started. Another build answers that was started by a command: it is replaced; containers do not
 * notice. Commands that do this at the same moment take turns at a lock, so that they get one daemon.
 *
 * @returns a connection to it.
 * @throws `unavailable` with what the daemon printed when it does not come up, and if there is none and none may be started;
 *   `permission-denied` without root.
 */
export async function ensureDaemon(locations: Locations, options: EnsureDaemonOptions): Promise<SocketStream> {
  const { mayStart = true } = options;
  const startLock = join(locations.state, "start.lock");
  const answer = await tryConnect(locations.socketPath);
  // Whoever starts one holds that file, and is root.
  if (!mayStart && answer === "no" && (options.userId !== 0 || !existsSync(startLock))) throw noDaemon(locations);
  if (typeof answer !== "string") {
    if (replaceable(locations) === undefined) return answer;
    answer.close();
  }
  if (answer === "denied" || options.userId !== 0) {
    throw new GantryError("permission-denied", `cannot use the daemon at ${locations.socketPath}: only root may`, {
      hint: "run the command with sudo",
    });
  }
  makeFolder(locations.state, "--state");
  const deadline = performance.now() + (options.timeoutMs ?? 30_000);
  // Loaded here: the usual case, a daemon that answers, needs no lock and no FFI.
  const { FileLock } = await import("../platform/file-lock.ts");
  using _lock = await FileLock.take(startLock, { deadlineMs: deadline });
  const old = replaceable(locations);
  if (old === undefined) {
    const again = await tryConnect(locations.socketPath);
    if (typeof again !== "string") return again;
  } else {
    process.kill(old.pid, "SIGTERM");
  }
  const running = await settled(locations, deadline);
  if (running !== undefined) return running;
  // One of another build that was told to end was there: this build's takes its place.
  if (!mayStart && old === undefined) throw noDaemon(locations);
  return await startDaemon(locations, options.selfCommand(), deadline);
}

function noDaemon({ socketPath }: Locations): GantryError {
  return new GantryError("unavailable", `no daemon answers at ${socketPath}`);
}

/** How long one that somebody else looks after (systemd, an operator) is waited for before a command starts its own. */
const COMEBACK_MS = 10_000;

/**
 * After a daemon went away: waits for it to come back. Not for long, nor for one that a command started, which nobody but a
 * command starts again.
 */
export async function awaitDaemon(locations: Locations, timeoutMs: number = COMEBACK_MS): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await tryConnect(locations.socketPath);
    if (typeof answer !== "string") answer.close();
    if (answer !== "no" || wasSelfStarted(locations.announcementPath) || performance.now() > deadline) return;
    await sleep(POLL_MS);
  }
}

/** The self-started daemon of another build that runs now, if there is one. */
function replaceable(locations: Locations): Announcement | undefined {
  const running = readAnnouncement(locations.announcementPath);
  return running?.isSelfStarted === true && running.buildId !== currentBuildId() ? running : undefined;
}

/**
 * Waits for a daemon that lives and does not answer: it was told to end, and closes its socket before it lets go of the root,
 * or it has begun and is not ready.
 *
 * @returns a connection to it, or undefined when it is gone.
 */
async function settled(locations: Locations, deadline: number): Promise<SocketStream | undefined> {
  for (;;) {
    const running = readAnnouncement(locations.announcementPath);
    if (running === undefined) return undefined;
    const answer = replaceable(locations) === undefined ? await tryConnect(locations.socketPath) : "no";
    if (typeof answer !== "string") return answer;
    if (performance.now() > deadline) {
      throw new GantryError("unavailable", `the daemon (process ${running.pid}) neither answers nor ends`, {
        hint: `see ${locations.logPath}`,
      });
    }
    await sleep(POLL_MS);
  }
}

async function startDaemon(
  locations: Locations,
  command: readonly [string, ...string[]],
  deadline: number,
): Promise<SocketStream> {
  const { spawn } = await import("node:child_process");
  const { readFileSync, statSync } = await import("node:fs");
  const log = openSync(locations.logPath, "a", 0o600);
  const logStart = statSync(locations.logPath).size;
  const [program, ...first] = command;
  const places = ["--root", locations.root, "--state", locations.state, "--host", `unix://${locations.socketPath}`];
  const child = spawn(program, [...first, ...places, "daemon", "--self-started"], {
    cwd: "/",
    detached: true,
    stdio: ["ignore", log, log],
  });
  const lastWords = (): string => {
    const said = readFileSync(locations.logPath).subarray(logStart).toString("utf8").trim();
    return said.split("\n").at(-1) || "it ended without a word";
  };
  let ending: (() => string) | undefined;
  const deadlineOfRival = Math.min(deadline, performance.now() + RIVAL_MS);
  child.on("error", (error) => {
    ending = () => error.message;
  });
  child.on("exit", () => {
    ending = lastWords;
  });
  child.unref();
  for (;;) {
    const answer = await tryConnect(locations.socketPath);
    if (typeof answer !== "string") return answer;
    if (ending !== undefined && !(performance.now() < deadlineOfRival && (await isOwned(locations.root)))) {
      throw new GantryError("unavailable", `cannot start the daemon: ${ending().replace(/^gantry: /, "")}`);
    }
    if (performance.now() > deadline) {
      throw new GantryError("unavailable", `the daemon does not answer at ${locations.socketPath}`, {
        hint: `see ${locations.logPath}`,
      });
    }
    await sleep(POLL_MS);
  }
}

/** True if a daemon has this root: ours then lost the race, and it is the other that will answer. */
async function isOwned(root: string): Promise<boolean> {
  const { isRootLocked } = await import("../state/root-lock.ts");
  return isRootLocked(root);
}

async function tryConnect(path: string): Promise<SocketStream | "no" | "denied"> {
  try {
    return await connectUnix(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EACCES" || code === "EPERM" ? "denied" : "no";
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
