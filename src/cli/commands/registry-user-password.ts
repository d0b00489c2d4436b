import { defineCommand } from "../command.ts";
import { switchFlag } from "../flags/flag.ts";
import { ACCESS_FLAGS, openAccessFile } from "../registry/access-file.ts";
import { askPassword } from "../registry/ask-password.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME",
  flags: { ...ACCESS_FLAGS, "password-stdin": switchFlag("Read the password from standard input") },
  arguments: { min: 1, max: 1 },
  async run(context, { flags, positionals: [name = ""] }) {
    const accounts = await openAccessFile(context, flags);
    const isFromStdin = flags["password-stdin"];
    if (!isFromStdin) accounts.requireOwn(name);
    const password = await askPassword(context.terminal, { isFromStdin });
    await accounts.changePassword(name, password);
    await context.terminal.stdout.write(`${name}\n`);
    return 0;
  },
});
