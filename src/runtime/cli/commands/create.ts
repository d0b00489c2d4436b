import { type CreateOptions, createContainer } from "../../container/create-container.ts";
import { CONTAINER_FLAGS, readContainerFlags } from "../container-flags.ts";
import { outcomeCommand } from "../outcome-command.ts";
import type { FlagTable } from "../parse-runc-flags.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

/** What `create` and `run` have in common. */
export const CREATE_FLAGS = {
  ...CONTAINER_FLAGS,
  "no-new-keyring": { takes: "nothing" },
  "preserve-fds": { takes: "integer" },
} as const satisfies FlagTable;

/** Makes the container that the command line asks for; comes back only by an error. */
export async function create(
  context: CommandContext,
  options: Pick<CreateOptions, "mode" | "isSubreaper" | "keeps">,
): Promise<never> {
  const { flags } = context;
  const asked = readContainerFlags(context);
  const command = options.mode === "create" ? "create" : "run";
  return await createContainer(asked.bundle, {
    ...options,
    ...asked.options,
    withoutPivot: flags.has("no-pivot"),
    withoutKeyring: flags.has("no-new-keyring"),
    preserveFds: flags.integer("preserve-fds") ?? 0,
    again: (plan) => outcomeCommand(context, plan, { command, id: asked.options.id }),
  });
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: CREATE_FLAGS,
  arguments: { min: 1, max: 1 },
  failure: "runc create failed: ",
  run: (context) => create(context, { mode: "create" }),
};
