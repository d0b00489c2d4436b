import { GantryError } from "../../../errors/gantry-error.ts";
import { openContainer } from "../../container/open-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "CONTAINER-ID",
  flags: {},
  arguments: { min: 1, max: 1 },
  async run({ options, positionals }) {
    const container = await openContainer(options.root, positionals[0] ?? "");
    if (container.status() !== "paused") throw new GantryError("conflict", "container not paused");
    await container.cgroup.group.thaw();
    return 0;
  },
};
