import { resolve } from "node:path";
import { type CreateOptions, createContainer } from "../../container/create-container.ts";
import { readBundle } from "../../container/read-bundle.ts";
import { checkId } from "../../container/state-folder.ts";
import { outcomeCommand } from "../outcome-command.ts";
import type { FlagTable } from "../parse-runc-flags.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

/** What `create` and `run` have in common. */
export const CREATE_FLAGS = {
  bundle: { takes: "text", short: "b" },
  "console-socket": { takes: "text" },
  "pid-file": { takes: "text" },
  "no-pivot": { takes: "nothing" },
  "no-new-keyring": { takes: "nothing" },
  "preserve-fds": { takes: "integer" },
} as const satisfies FlagTable;

/** Makes the container that the command line asks for; comes back only by an error. */
export async function create(
  context: CommandContext,
  options: Pick<CreateOptions, "mode" | "isSubreaper" | "keeps">,
): Promise<never> {
  const { flags, host } = context;
  const [id = ""] = context.positionals;
  checkId(id);
  const folder = host.workingFolder();
  const at = (name: string): string | undefined => {
    const path = flags.text(name);
    return path === undefined ? undefined : resolve(folder, path);
  };
  const [pidFile, consoleSocket] = [at("pid-file"), at("console-socket")];
  return await createContainer(readBundle(at("bundle") ?? folder), {
    ...options,
    id,
    root: context.options.root,
    usesSystemd: context.options.usesSystemd,
    environment: host.environment,
    now: host.now(),
    withoutPivot: flags.has("no-pivot"),
    withoutKeyring: flags.has("no-new-keyring"),
    preserveFds: flags.integer("preserve-fds") ?? 0,
    ...(pidFile === undefined ? {} : { pidFile }),
    ...(consoleSocket === undefined ? {} : { consoleSocket }),
    again: (plan) => outcomeCommand(context, plan, { command: options.mode === "create" ? "create" : "run", id }),
    warn: (message) => context.log.write("warning", message),
  });
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: CREATE_FLAGS,
  arguments: { min: 1, max: 1 },
  failure: "runc create failed: ",
  run: (context) => create(context, { mode: "create" }),
};
