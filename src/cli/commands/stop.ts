import { defineCommand } from "../command.ts";
import { parseSeconds } from "../container/run-flags.ts";
import { eachTarget } from "../each-target.ts";
import { textFlag, valueFlag } from "../flags/flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    signal: textFlag("Signal to send to the container", { short: "s" }),
    timeout: valueFlag("int", parseSeconds, "Seconds to wait before killing the container, -1 for ever", {
      short: "t",
      aliases: ["time"],
    }),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags: { signal, timeout }, positionals }) {
    const api = await connect();
    const options = {
      ...(signal === undefined ? {} : { signalName: signal }),
      ...(timeout === undefined ? {} : { timeoutSeconds: timeout }),
    };
    return eachTarget(terminal, positionals, async (name) => {
      await api.stopContainer(name, options);
      return name;
    });
  },
});
