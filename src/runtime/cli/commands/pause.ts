import { GantryError } from "../../../errors/gantry-error.ts";
import { openContainer } from "../../container/open-container.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "CONTAINER-ID",
  flags: {},
  arguments: { min: 1, max: 1 },
  async run({ options, positionals }) {
    const container = await openContainer(options.root, positionals[0] ?? "");
    const status = container.status();
    if (status !== "running" && status !== "created") throw new GantryError("conflict", "container not running");
    await container.cgroup.group.freeze();
    return 0;
  },
};
