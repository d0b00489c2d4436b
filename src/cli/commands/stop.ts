import { defineCommand } from "../command.ts";
import { STOP_FLAGS, stopOptions } from "../container/stop-flags.ts";
import { eachTarget } from "../each-target.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: STOP_FLAGS,
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const api = await connect();
    return eachTarget(terminal, positionals, async (name) => {
      await api.stopContainer(name, stopOptions(flags));
      return name;
    });
  },
});
