import { resolve } from "node:path";
import { defineCommand } from "../command.ts";
import { textFlag } from "../flags/flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] PATH [PATH...]",
  flags: { tag: textFlag("The image's name", { short: "t" }) },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const api = await connect();
    const { Id } = await api.imageFromHost({
      Paths: positionals.map((path) => resolve(terminal.workingDirectory, path)),
      ...(flags.tag === undefined ? {} : { Name: flags.tag }),
    });
    await terminal.stdout.write(`${Id}\n`);
    return 0;
  },
});
