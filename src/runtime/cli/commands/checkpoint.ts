import { checkpointContainer } from "../../container/checkpoint-container.ts";
import { openContainer } from "../../container/open-container.ts";
import type { CheckpointFlags } from "../../criu/checkpoint-flags.ts";
import { CRIU_FLAGS, parsePageServer, readCriuFlags } from "../criu-flags.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

function readFlags(context: CommandContext): CheckpointFlags {
  const { flags } = context;
  const [parentPath, statusFd, pageServer] = [
    flags.text("parent-path"),
    flags.integer("status-fd") ?? -1,
    flags.text("page-server"),
  ];
  return {
    ...readCriuFlags(context),
    leaveRunning: flags.has("leave-running"),
    tcpSkipInFlight: flags.has("tcp-skip-in-flight"),
    linkRemap: flags.has("link-remap"),
    preDump: flags.has("pre-dump"),
    ...(parentPath === undefined ? {} : { parentPath }),
    ...(statusFd < 0 ? {} : { statusFd }),
    ...(pageServer === undefined ? {} : { pageServer: parsePageServer(pageServer) }),
  };
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    ...CRIU_FLAGS,
    "parent-path": { takes: "text" },
    "leave-running": { takes: "nothing" },
    "tcp-skip-in-flight": { takes: "nothing" },
    "link-remap": { takes: "nothing" },
    "status-fd": { takes: "integer" },
    "page-server": { takes: "text" },
    "pre-dump": { takes: "nothing" },
  },
  arguments: { min: 1, max: 1 },
  failure: "runc checkpoint failed: ",
  async run(context) {
    const { host, options, log } = context;
    const [id = ""] = context.positionals;
    const flags = readFlags(context);
    await checkpointContainer(await openContainer(options.root, id), flags, {
      root: options.root,
      environment: host.environment,
      warn: (message) => log.write("warning", message),
    });
    return 0;
  },
};
