import { resolve } from "node:path";
import { readBundle } from "../../container/read-bundle.ts";
import { restoreContainer } from "../../container/restore-container.ts";
import { checkId } from "../../container/state-folder.ts";
import type { RestoreFlags } from "../../criu/checkpoint-flags.ts";
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
  const { flags, host, options, log } = context;
  const [id = ""] = context.positionals;
  checkId(id);
  const folder = host.workingFolder();
  const at = (name: string): string | undefined => {
    const path = flags.text(name);
    return path === undefined ? undefined : resolve(folder, path);
  };
  const [pidFile, consoleSocket] = [at("pid-file"), at("console-socket")];
  return await restoreContainer(readBundle(at("bundle") ?? folder), readFlags(context), {
    id,
    root: options.root,
    isDetached: flags.has("detach"),
    isSubreaper: !flags.has("no-subreaper"),
    usesSystemd: options.usesSystemd,
    environment: host.environment,
    now: host.now(),
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    again: (plan) => outcomeCommand(context, plan, { command: "run", id }),
    warn: (message) => log.write("warning", message),
  });
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    ...CRIU_FLAGS,
    bundle: { takes: "text", short: "b" },
    detach: { takes: "nothing", short: "d" },
    "pid-file": { takes: "text" },
    "console-socket": { takes: "text" },
    // criu makes the root: there is no pivot to leave out.
    "no-pivot": { takes: "nothing" },
    "no-subreaper": { takes: "nothing" },
    "lsm-profile": { takes: "text" },
    "lsm-mount-context": { takes: "text" },
  },
  arguments: { min: 1, max: 1 },
  failure: "runc restore failed: ",
  run,
};
