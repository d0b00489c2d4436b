import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  flags: {},
  arguments: { min: 1 },
  async run({ terminal, connect }, { positionals }) {
    const api = await connect();
    return eachTarget(terminal, positionals, async (name) => {
      await api.unpauseContainer(name);
      return name;
    });
  },
});
