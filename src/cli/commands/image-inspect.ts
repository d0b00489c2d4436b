import { defineCommand } from "../command.ts";
import { absentFlag, textFlag } from "../flags/flag.ts";
import { inspectObjects } from "../inspect-objects.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    format: textFlag("How to print: json, or a Go template", { short: "f" }),
    platform: absentFlag(),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const api = await connect();
    return inspectObjects(terminal, positionals, { format: flags.format, find: (name) => api.inspectImage(name) });
  },
});
