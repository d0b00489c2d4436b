import { GantryError, isGantryError } from "../../../errors/gantry-error.ts";
import { destroyContainer } from "../../container/destroy-container.ts";
import { type FoundContainer, findContainer } from "../../container/find-container.ts";
import type { CommandContext, RuntimeCommand } from "../runtime-command.ts";

/** Undefined: there is none, or nothing that can be read, and it was to be removed whatever it is. */
async function findForced({ options }: CommandContext, id: string): Promise<FoundContainer | undefined> {
  try {
    return findContainer(options.root, id);
  } catch (error) {
    if (!isGantryError(error, "not-found") && !isGantryError(error, "data-loss")) throw error;
    const { removeLeftFolder } = await import("../../container/remove-left-folder.ts");
    removeLeftFolder(options.root, id);
    return undefined;
  }
}

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: { force: { takes: "nothing", short: "f" } },
  arguments: { min: 1, max: 1 },
  async run(context) {
    const [id = ""] = context.positionals;
    const isForced = context.flags.has("force");
    const container = isForced ? await findForced(context, id) : findContainer(context.options.root, id);
    if (container === undefined) return 0;
    const status = await container.status();
    if (!isForced && status !== "stopped" && status !== "created")
      throw new GantryError("conflict", `cannot delete container ${id} that is not stopped: ${status}`, {
        hint: "kill it first, or delete it with --force",
      });
    await destroyContainer(container, (message) => context.log.write("warning", message));
    return 0;
  },
};
