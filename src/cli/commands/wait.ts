import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  flags: {},
  arguments: { min: 1 },
  async run({ terminal, connect }, { positionals }) {
    const api = await connect();
    return eachTarget(terminal, positionals, async (name) => {
      const { result } = await api.waitContainer(name);
      const { StatusCode, Error: error } = await result;
      if (error?.Message) throw new Error(error.Message);
      return String(StatusCode);
    });
  },
});
