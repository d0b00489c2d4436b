import type { StdioConnection } from "../../api/stdio-connection.ts";
import type { Terminal } from "../terminal.ts";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "../values/detach-keys.ts";
import { DetachFilter } from "./detach-filter.ts";

/** What Docker's `attach` and `exec` say, and fail with, when the user leaves; `run` and `start` end quietly. */
export const LEFT_BY_KEYS = "read escape sequence";

export interface AttachStreamsOptions {
  readonly hasStdin: boolean;
  /** The other side has a terminal: ours is set to raw mode, and everything it prints goes to stdout. */
  readonly hasTty: boolean;
  /** @default ctrl-p,ctrl-q */
  readonly detachKeys?: string;
}

/** Our streams while they are joined to a container's. Disposing gives the terminal its former mode back. */
export interface AttachedStreams extends Disposable {
  /** Resolves when the output has ended, or the user has left by the detach keys. */
  readonly end: Promise<"ended" | "detached">;
}

async function copyOutput(connection: StdioConnection, terminal: Terminal): Promise<"ended"> {
  for await (const { stream, bytes } of connection.output) {
    await (stream === "stderr" ? terminal.stderr : terminal.stdout).write(bytes);
  }
  return "ended";
}

/** Resolves only if the user leaves; an end of stdin is passed on, and nothing more. */
async function copyInput(
  connection: StdioConnection,
  terminal: Terminal,
  filter: DetachFilter | undefined,
  onDetached: () => void,
): Promise<void> {
  try {
    for await (const chunk of terminal.stdin.read()) {
      const typed = filter?.push(chunk) ?? { bytes: chunk, isDetached: false };
      if (typed.bytes.length > 0) await connection.write(typed.bytes);
      if (typed.isDetached) return onDetached();
    }
    await connection.closeStdin();
  } catch {
    // The program has ended, or closed its stdin: the output's end and the exit code tell the rest.
  }
}

/**
 * Joins our streams to a container's or an exec's: its output is written as it comes, what we read is sent to it, the
 * end of our stdin closes its own.
 */
export function attachStreams(
  connection: StdioConnection,
  terminal: Terminal,
  options: AttachStreamsOptions,
): AttachedStreams {
  const { hasStdin, hasTty, detachKeys } = options;
  const isInteractive = hasStdin && hasTty;
  const filter = isInteractive ? new DetachFilter(parseDetachKeys(detachKeys ?? DEFAULT_DETACH_KEYS)) : undefined;
  const rawMode = isInteractive ? terminal.stdin.setRawMode() : undefined;
  const restore = () => rawMode?.[Symbol.dispose]();
  const detached = new Promise<"detached">((resolve) => {
    if (hasStdin) void copyInput(connection, terminal, filter, () => resolve("detached"));
  });
  const end = Promise.race([copyOutput(connection, terminal), detached]).finally(() => {
    // At once, so that whatever is printed next stands in lines again.
    restore();
    connection.close();
  });
  end.catch(() => {}); // a caller that fails before it waits for us must not fail twice
  return { end, [Symbol.dispose]: restore };
}
