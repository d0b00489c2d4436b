import { restoreContainer } from "../../container/restore-container.ts";
import type { RestoreFlags } from "../../criu/checkpoint-flags.ts";
import { CONTAINER_FLAGS, readContainerFlags } from "../container-flags.ts";
import { CRIU_FLAGS, readCriuFlags } from "../criu-flags.ts";
import { outcomeCommand } from "../outcome-command.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

function readFlags(context: CommandContext): RestoreFlags {
  const { flags } = context;
  const [lsmProfile, lsmMountContext] = [flags.text("lsm-profile"), flags.text("lsm-mount-context")];
  return {
    ...readCriuFlags(context),
    ...(lsmProfile === undefined ? {} : { lsmProfile }),
    ...(lsmMountContext === undefined ? {} : { lsmMountContext }),
  };
}

async function run(context: CommandContext): Promise<number> {
  const { flags } = context;
  const { bundle, options } = readContainerFlags(context);
  return await restoreContainer(bundle, readFlags(context), {
    ...options,
    isDetached: flags.has("detach"),
    isSubreaper: !flags.has("no-subreaper"),
    again: (plan) => outcomeCommand(context, plan, { command: "run", id: options.id }),
  });
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    ...CRIU_FLAGS,
    // criu makes the root: there is no pivot to leave out.
    ...CONTAINER_FLAGS,
    detach: { takes: "nothing", short: "d" },
    "no-subreaper": { takes: "nothing" },
    "lsm-profile": { takes: "text" },
    "lsm-mount-context": { takes: "text" },
  },
  arguments: { min: 1, max: 1 },
  failure: "runc restore failed: ",
  run,
};
