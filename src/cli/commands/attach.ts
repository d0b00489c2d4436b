import { defineCommand } from "../command.ts";
import { NEVER, RunSession } from "../container/run-session.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { attachStreams, LEFT_BY_KEYS } from "../streams/attach-streams.ts";
import { checkTty } from "../streams/check-tty.ts";
import { followSize } from "../streams/follow-size.ts";
import { proxySignals } from "../streams/proxy-signals.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  flags: {
    "detach-keys": textFlag("Keys that leave the container", { shownDefault: "ctrl-p,ctrl-q" }),
    "no-stdin": switchFlag("Do not attach STDIN"),
    "sig-proxy": switchFlag("Hand signals on to the container", { isOnByDefault: true }),
  },
  arguments: { min: 1, max: 1 },
  async run(context, { flags, positionals: [name = ""] }) {
    const { terminal } = context;
    const api = await context.connect();
    const { Id: id, Config: config, State: state } = await api.inspectContainer(name);
    if (!state.Running) throw new Error("You cannot attach to a stopped container, start it first");
    if (state.Paused) throw new Error("You cannot attach to a paused container, unpause it first");
    if (state.Restarting) throw new Error("You cannot attach to a restarting container, wait until it is running");
    const hasStdin = !flags["no-stdin"] && config.OpenStdin === true;
    const hasTty = config.Tty === true;
    checkTty(terminal, { hasStdin, hasTty });
    const keys = flags["detach-keys"] === undefined ? {} : { detachKeys: flags["detach-keys"] };
    using _signals =
      flags["sig-proxy"] && !hasTty
        ? proxySignals(terminal, async (signalName) => (await context.connect()).killContainer(id, { signalName }))
        : undefined;
    const session = await RunSession.attach(context, id, {
      ...{ hasTty, hasStdin, hasStdout: true, hasStderr: true, isRemoved: false },
      startedBefore: NEVER,
      ...keys,
    });
    using streams = attachStreams(session, terminal, { hasStdin, hasTty, ...keys });
    using _size =
      hasTty && terminal.stdout.isTerminal
        ? followSize(terminal, async (size) => (await context.connect()).resizeContainer(id, size))
        : undefined;
    if ((await streams.end) === "detached") throw new Error(LEFT_BY_KEYS);
    return await session.status();
  },
});
