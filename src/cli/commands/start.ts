import type { EngineApi } from "../../api/engine-api.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { awaitExit } from "../container/await-exit.ts";
import { eachTarget } from "../each-target.ts";
import { absentFlag, switchFlag, textFlag } from "../flags/flag.ts";
import { attachStreams } from "../streams/attach-streams.ts";
import { followSize } from "../streams/follow-size.ts";
import { proxySignals } from "../streams/proxy-signals.ts";

async function startAttached(
  api: EngineApi,
  name: string,
  { context: { terminal }, ...options }: { context: CommandContext; wantsStdin: boolean; detachKeys?: string },
): Promise<number> {
  const { Id: id, Config: config, HostConfig: host } = await api.inspectContainer(name);
  const hasTty = config.Tty === true;
  const hasStdin = options.wantsStdin && config.OpenStdin === true;
  const keys = options.detachKeys === undefined ? {} : { detachKeys: options.detachKeys };
  using _signals = hasTty ? undefined : proxySignals(terminal, (signalName) => api.killContainer(id, { signalName }));
  const connection = await api.attachContainer(id, {
    stream: true,
    stdin: hasStdin,
    stdout: true,
    stderr: true,
    ...keys,
  });
  using streams = attachStreams(connection, terminal, { hasStdin, hasTty, ...keys });
  const exit = await awaitExit(api, id, { terminal, isRemoved: host.AutoRemove === true });
  try {
    await api.startContainer(id);
  } catch (error) {
    connection.close();
    await streams.end.catch(() => {});
    if (host.AutoRemove === true) await exit.settled;
    throw error;
  }
  using _size =
    hasTty && terminal.stdout.isTerminal ? followSize(terminal, (size) => api.resizeContainer(id, size)) : undefined;
  return (await streams.end) === "detached" ? 0 : await exit.status();
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
