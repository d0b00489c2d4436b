import { defineCommand } from "../command.ts";
import { textFlag } from "../flags/flag.ts";
import { resolveHostPath } from "../values/host-path.ts";

export const command = defineCommand({
  usage: "[OPTIONS] PATH [PATH...]",
  flags: { tag: textFlag("The image's name", { short: "t" }) },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const api = await connect();
    const { Id } = await api.imageFromHost({
      Paths: positionals.map((path) => resolveHostPath(path, terminal)),
      ...(flags.tag === undefined ? {} : { Name: flags.tag }),
    });
    await terminal.stdout.write(`${Id}\n`);
    return 0;
  },
});
