import { defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { textFlag } from "../flags/flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: { signal: textFlag("Signal to send to the container", { short: "s", shownDefault: "KILL" }) },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags: { signal }, positionals }) {
    const api = await connect();
    return eachTarget(terminal, positionals, async (name) => {
      await api.killContainer(name, signal === undefined ? {} : { signalName: signal });
      return name;
    });
  },
});
