import { ApiError } from "../../api/api-error.ts";
import { GantryError, isGantryError } from "../../errors/gantry-error.ts";
import { isDaemonGone } from "../across-restarts.ts";
import { defineCommand } from "../command.ts";
import { readEnvironment } from "../container/container-request.ts";
import { CONTAINER_FLAGS } from "../container/run-flags.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { attachStreams, LEFT_BY_KEYS } from "../streams/attach-streams.ts";
import { checkTty } from "../streams/check-tty.ts";
import { followSize } from "../streams/follow-size.ts";
import { parseDetachKeys } from "../values/detach-keys.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  flags: {
    detach: switchFlag("Run in the background", { short: "d" }),
    "detach-keys": textFlag("Keys that leave the program", { shownDefault: "ctrl-p,ctrl-q" }),
    env: CONTAINER_FLAGS.env,
    "env-file": CONTAINER_FLAGS["env-file"],
    interactive: switchFlag("Keep STDIN open even if not attached", { short: "i" }),
    privileged: switchFlag("Give the program all rights on the host"),
    tty: switchFlag("Give the program a terminal", { short: "t" }),
    user: textFlag("User and group, names or numbers (user[:group])", { short: "u" }),
    workdir: textFlag("Working folder in the container", { short: "w" }),
  },
  arguments: { min: 2 },
  isInterspersed: false,
  async run({ terminal, connect }, { flags, positionals }) {
    const [container = "", ...program] = positionals;
    const hasStdin = flags.interactive && !flags.detach;
    const hasTty = flags.tty;
    const detachKeys = flags["detach-keys"];
    if (detachKeys !== undefined) parseDetachKeys(detachKeys);
    const environment = readEnvironment(flags, terminal);
    const api = await connect();
    // A missing container is a better answer than a missing terminal, and an exec that is not started would stay.
    if (hasStdin && hasTty) await api.inspectContainer(container);
    checkTty(terminal, { hasStdin, hasTty });
    const size = hasTty ? terminal.size() : undefined;
    const consoleSize = size === undefined ? {} : { ConsoleSize: [size.height, size.width] as const };
    let hasStarted = false;
    try {
      const { Id: id } = await api.createExec(container, {
        AttachStdin: hasStdin,
        AttachStdout: !flags.detach,
        AttachStderr: !flags.detach,
        Tty: hasTty,
        Privileged: flags.privileged,
        Env: environment,
        Cmd: program,
        ...consoleSize,
        ...(flags.user === undefined ? {} : { User: flags.user }),
        ...(flags.workdir === undefined ? {} : { WorkingDir: flags.workdir }),
        ...(detachKeys === undefined ? {} : { DetachKeys: detachKeys }),
      });
      if (flags.detach) {
        await api.startExecDetached(id);
        return 0;
      }
      const connection = await api.startExec(id, { Tty: hasTty, ...consoleSize });
      hasStarted = true;
      using streams = attachStreams(connection, terminal, {
        hasStdin,
        hasTty,
        ...(detachKeys === undefined ? {} : { detachKeys }),
      });
      using _size =
        hasTty && terminal.stdin.isTerminal ? followSize(terminal, (now) => api.resizeExec(id, now)) : undefined;
      if ((await streams.end) === "detached") throw new Error(LEFT_BY_KEYS);
      const { ExitCode } = await api.inspectExec(id);
      return ExitCode ?? 0;
    } catch (error) {
      if (hasStarted && isForgotten(error)) throw lostExec(container);
      // The program is not there, or cannot be executed: the shell's statuses, as Docker gives them.
      if (!(error instanceof ApiError)) throw error;
      const status = error.exitCode ?? execStatus(error.message);
      if (status === undefined) throw error;
      await terminal.stderr.write(`Error response from daemon: ${error.message}\n`);
      return status;
    }
  },
});

/** The daemon that had started it went away: the next one does not know of it. */
function isForgotten(error: unknown): boolean {
  return isDaemonGone(error) || isGantryError(error, "not-found");
}

function lostExec(container: string): GantryError {
  const what = "the daemon was restarted: the program goes on without us, what it prints and its exit code are lost";
  return new GantryError("unavailable", what, { exitCode: 125, hint: `see gantry top ${container}` });
}

function execStatus(message: string): number | undefined {
  if (!/exec/i.test(message)) return undefined;
  if (/executable file not found|no such file or directory/i.test(message)) return 127;
  return /permission denied|is a directory/i.test(message) ? 126 : undefined;
}
