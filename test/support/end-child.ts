import type { ChildProcess } from "node:child_process";

/** Ends a process that a test started, by a signal, and waits for its end; at once if it has none any more. */
export async function endChild(
  child: ChildProcess | undefined,
  signal: "SIGTERM" | "SIGKILL" = "SIGTERM",
): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}
