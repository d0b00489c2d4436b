import type { User } from "../../daemon/registry-accounts.ts";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { type ListFormat, renderList } from "../format/render-list.ts";
import { ACCESS_FLAGS, openAccessFile } from "../registry/access-file.ts";

const USER_LIST: ListFormat<User> = {
  titles: { Name: "NAME", Groups: "GROUPS", Password: "PASSWORD", Certificates: "CERTIFICATES" },
  table: "{{.Name}}\t{{.Groups}}\t{{.Password}}\t{{.Certificates}}",
  quiet: "{{.Name}}",
  fields: ({ name, groups, passwordHash, certificates }) => ({
    Name: name,
    Groups: groups.join(","),
    Password: passwordHash === undefined ? "no" : "yes",
    Certificates: certificates.join(","),
  }),
};

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    ...ACCESS_FLAGS,
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    quiet: switchFlag("Show names alone", { short: "q" }),
  },
  arguments: { min: 0, max: 0 },
  async run(context, { flags }) {
    const accounts = await openAccessFile(context, flags);
    const users = accounts.list();
    // Where it was looked for: a root that is misspelled has no users either.
    if (users.length === 0) await context.terminal.stderr.write(`gantry: there are no users in ${accounts.path}\n`);
    const format = flags.format === undefined ? {} : { format: flags.format };
    await context.terminal.stdout.write(renderList(users, USER_LIST, { ...format, quiet: flags.quiet }));
    return 0;
  },
});
