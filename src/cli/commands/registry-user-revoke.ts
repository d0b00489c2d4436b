import { defineCommand } from "../command.ts";
import { ACCESS_FLAGS, openAccessFile } from "../registry/access-file.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME",
  flags: ACCESS_FLAGS,
  arguments: { min: 1, max: 1 },
  async run(context, { flags, positionals: [name = ""] }) {
    await (await openAccessFile(context, flags)).revoke(name);
    await context.terminal.stdout.write(`${name}\n`);
    return 0;
  },
});
