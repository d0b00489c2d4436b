import { GantryError } from "../../../errors/gantry-error.ts";
import type { RuntimeCommand } from "../runtime-command.ts";

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {},
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  async run() {
    throw new GantryError("unsupported", "restore is not supported yet", {
      hint: "use runc for containers that need it",
    });
  },
};
