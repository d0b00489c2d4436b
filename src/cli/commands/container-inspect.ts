import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { inspectObjects } from "../inspect-objects.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    format: textFlag("How to print: json, or a Go template", { short: "f" }),
    size: switchFlag("Show sizes", { short: "s" }),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const api = await connect();
    const find = (name: string) => api.inspectContainer(name, { size: flags.size });
    return inspectObjects(terminal, positionals, { format: flags.format, find });
  },
});
