import type { CreateContainerRequest } from "../../api/container-config.ts";
import type { EngineApi } from "../../api/engine-api.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { planContainerRequest } from "../container/container-request.ts";
import { checkPullPolicy, createContainer } from "../container/create-container.ts";
import { CONTAINER_FLAGS, CREATION_FLAGS } from "../container/run-flags.ts";
import { NEVER, RunSession } from "../container/run-session.ts";
import type { FlagValues } from "../flags/flag.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import type { ParsedFlags } from "../flags/parse-flags.ts";
import { attachStreams } from "../streams/attach-streams.ts";
import { checkTty } from "../streams/check-tty.ts";
import { followSize } from "../streams/follow-size.ts";
import { proxySignals } from "../streams/proxy-signals.ts";
import { parseDetachKeys } from "../values/detach-keys.ts";

const FLAGS = {
  ...CONTAINER_FLAGS,
  ...CREATION_FLAGS,
  detach: switchFlag("Run in the background and print the container's id", { short: "d" }),
  "detach-keys": textFlag("Keys that leave the container", { shownDefault: "ctrl-p,ctrl-q" }),
  trace: textFlag("Write what took how long to a file, in Chrome's trace format"),
  "sig-proxy": switchFlag("Hand signals on to the container", { isOnByDefault: true }),
} as const;

/** With `--detach` nothing is attached, and stdin, if open, stays so. */
function detachedRequest(request: CreateContainerRequest): CreateContainerRequest {
  return { ...request, AttachStdin: false, AttachStdout: false, AttachStderr: false, StdinOnce: false };
}

function withConsoleSize(request: CreateContainerRequest, { terminal }: CommandContext): CreateContainerRequest {
  const size = request.Tty === true ? terminal.size() : undefined;
  if (size === undefined) return request;
  return { ...request, HostConfig: { ...request.HostConfig, ConsoleSize: [size.height, size.width] } };
}

/** Attach and wait, then start: so that no output and no exit is missed, however short the container lives. */
async function runAttached(
  api: EngineApi,
  id: string,
  request: CreateContainerRequest,
  { context, flags }: { readonly context: CommandContext; readonly flags: FlagValues<typeof FLAGS> },
): Promise<number> {
  const { terminal } = context;
  const hasTty = request.Tty === true;
  const hasStdin = request.AttachStdin === true;
  const keys = flags["detach-keys"] === undefined ? {} : { detachKeys: flags["detach-keys"] };
  const session = await RunSession.join(context, id, {
    hasTty,
    hasStdin,
    hasStdout: request.AttachStdout === true,
    hasStderr: request.AttachStderr === true,
    isRemoved: flags.rm,
    startedBefore: NEVER,
    ...keys,
  });
  using streams = attachStreams(session, terminal, { hasStdin, hasTty, ...keys });
  try {
    await session.start();
  } catch (error) {
    session.close();
    await streams.end.catch(() => {});
    // What `--rm` removes is gone when the command ends, here too.
    if (flags.rm) await session.settled;
    throw error;
  }
  using _size =
    hasTty && terminal.stdout.isTerminal ? followSize(terminal, (size) => api.resizeContainer(id, size)) : undefined;
  if ((await streams.end) === "detached") return 0;
  return await session.status();
}

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: FLAGS,
  arguments: { min: 1 },
  isInterspersed: false,
  errorsOf: "run",
  async run(context, input) {
    const { trace } = input.flags;
    if (trace === undefined) return await runContainer(context, input);
    const { traceCommand } = await import("../trace-command.ts");
    return await traceCommand(context, trace, (traced) => runContainer(traced, input));
  },
});

async function runContainer(context: CommandContext, input: ParsedFlags<typeof FLAGS>): Promise<number> {
  const { flags } = input;
  const { terminal } = context;
  checkPullPolicy(flags.pull);
  const asked = planContainerRequest(input, terminal);
  if (flags["detach-keys"] !== undefined) parseDetachKeys(flags["detach-keys"]);
  if (flags.detach && flags.attach.length > 0) {
    throw new Error("conflicting options: cannot specify both --attach and --detach");
  }
  const request = withConsoleSize(flags.detach ? detachedRequest(asked) : asked, context);
  try {
    if (!flags.detach) checkTty(terminal, { hasStdin: request.AttachStdin === true, hasTty: request.Tty === true });
  } catch (error) {
    await terminal.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
  const id = await createContainer(context, request, flags);
  const api = await context.connect();
  using _signals =
    flags["sig-proxy"] && !flags.detach
      ? proxySignals(terminal, (signalName) => api.killContainer(id, { signalName }))
      : undefined;
  const hasStreams = request.AttachStdin || request.AttachStdout || request.AttachStderr;
  if (hasStreams) return await runAttached(api, id, request, { context, flags });
  await terminal.stdout.write(`${id}\n`);
  await api.startContainer(id);
  return 0;
}
