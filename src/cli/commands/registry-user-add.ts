import { defineCommand } from "../command.ts";
import { switchFlag, textListFlag } from "../flags/flag.ts";
import { ACCESS_FLAGS, openAccessFile } from "../registry/access-file.ts";
import { askPassword } from "../registry/ask-password.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME",
  flags: {
    ...ACCESS_FLAGS,
    certificate: textListFlag("Whose client certificate has this name is this user: CN=…, DNS=…, URI=…"),
    group: textListFlag("A group that the user is in", { short: "g" }),
    "password-stdin": switchFlag("Read the password from standard input"),
  },
  arguments: { min: 1, max: 1 },
  async run(context, { flags, positionals: [name = ""] }) {
    const { terminal } = context;
    const accounts = await openAccessFile(context, flags);
    const isFromStdin = flags["password-stdin"];
    // Who has a certificate needs no password.
    const isAsked = !isFromStdin && flags.certificate.length === 0;
    if (isAsked) accounts.requireFree(name);
    const password = isAsked || isFromStdin ? { password: await askPassword(terminal, { isFromStdin }) } : {};
    const added = await accounts.add(name, { groups: flags.group, certificates: flags.certificate, ...password });
    await terminal.stdout.write(`${name}\n`);
    if (added.isFirst) {
      const done = added.isFileMade ? `made ${accounts.path}` : `wrote the first right into ${accounts.path}`;
      // Which one it is: a registry with another root is as open as before.
      await terminal.stderr.write(
        `gantry: ${done}: whoever logs in may do everything there, everybody else nothing, until its [[rights]] say otherwise\n`,
      );
    }
    if (!added.isPathComponent) {
      // Rules without {user} are none the worse for it, and many directories have such names.
      await terminal.stderr.write(
        `gantry: no repository can be named ${name}, so that a rule for {user}/** gives them nothing (repositories are named in lower-case letters and digits, parted by . _ or -)\n`,
      );
    }
    return 0;
  },
});
