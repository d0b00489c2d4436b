import type { EngineApi } from "../../api/engine-api.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { RunSession } from "../container/run-session.ts";
import { eachTarget } from "../each-target.ts";
import { absentFlag, switchFlag, textFlag } from "../flags/flag.ts";
import { attachStreams } from "../streams/attach-streams.ts";
import { followSize } from "../streams/follow-size.ts";
import { proxySignals } from "../streams/proxy-signals.ts";

async function startAttached(
  api: EngineApi,
  name: string,
  { context, ...options }: { context: CommandContext; wantsStdin: boolean; detachKeys?: string },
): Promise<number> {
  const { terminal } = context;
  const { Id: id, Config: config, HostConfig: host, State: state } = await api.inspectContainer(name);
  const hasTty = config.Tty === true;
  const hasStdin = options.wantsStdin && config.OpenStdin === true;
  const keys = options.detachKeys === undefined ? {} : { detachKeys: options.detachKeys };
  using _signals = hasTty ? undefined : proxySignals(terminal, (signalName) => api.killContainer(id, { signalName }));
  const session = await RunSession.join(context, id, {
    hasTty,
    hasStdin,
    hasStdout: true,
    hasStderr: true,
    isRemoved: host.AutoRemove === true,
    startedBefore: state.StartedAt,
    ...keys,
  });
  using streams = attachStreams(session, terminal, { hasStdin, hasTty, ...keys });
  try {
    await session.start();
  } catch (error) {
    session.close();
    await streams.end.catch(() => {});
    if (host.AutoRemove === true) await session.settled;
    throw error;
  }
  using _size =
    hasTty && terminal.stdout.isTerminal ? followSize(terminal, (size) => api.resizeContainer(id, size)) : undefined;
  return (await streams.end) === "detached" ? 0 : await session.status();
}

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    attach: switchFlag("Attach STDOUT and STDERR and hand signals on", { short: "a" }),
    checkpoint: absentFlag(),
    "checkpoint-dir": absentFlag(),
    "detach-keys": textFlag("Keys that leave the container", { shownDefault: "ctrl-p,ctrl-q" }),
    interactive: switchFlag("Attach the container's STDIN", { short: "i" }),
  },
  arguments: { min: 1 },
  async run(context, { flags, positionals }) {
    const { terminal } = context;
    const isAttached = flags.attach || flags.interactive;
    if (isAttached && positionals.length > 1)
      throw new Error("you cannot start and attach multiple containers at once");
    const api = await context.connect();
    if (isAttached) {
      return await startAttached(api, positionals[0] ?? "", {
        context,
        wantsStdin: flags.interactive,
        ...(flags["detach-keys"] === undefined ? {} : { detachKeys: flags["detach-keys"] }),
      });
    }
    const failed: string[] = [];
    const status = await eachTarget(terminal, positionals, async (name) => {
      try {
        await api.startContainer(name);
        return name;
      } catch (error) {
        failed.push(name);
        throw error;
      }
    });
    if (failed.length > 0) await terminal.stderr.write(`Error: failed to start containers: ${failed.join(", ")}\n`);
    return status;
  },
});
