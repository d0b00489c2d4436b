import { GantryError } from "../../../errors/gantry-error.ts";
import type { RuntimeCommand } from "../runtime-command.ts";
import { CRIU_FLAGS } from "./checkpoint.ts";

export const command: RuntimeCommand = {
  usage: "[OPTIONS] CONTAINER-ID",
  flags: {
    ...CRIU_FLAGS,
    bundle: { takes: "text", short: "b" },
    detach: { takes: "nothing", short: "d" },
    "pid-file": { takes: "text" },
    "console-socket": { takes: "text" },
    "no-pivot": { takes: "nothing" },
    "no-subreaper": { takes: "nothing" },
    "lsm-profile": { takes: "text" },
    "lsm-mount-context": { takes: "text" },
  },
  arguments: { min: 1, max: 1 },
  async run({ positionals: [id = ""] }) {
    throw new GantryError("unsupported", `cannot restore container "${id}": restore is not supported yet`, {
      hint: "nothing was made; restore it with runc",
    });
  },
};
