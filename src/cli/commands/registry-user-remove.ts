import { defineCommand } from "../command.ts";
import { ACCESS_FLAGS, openAccessFile } from "../registry/access-file.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME",
  flags: ACCESS_FLAGS,
  arguments: { min: 1, max: 1 },
  async run(context, { flags, positionals: [name = ""] }) {
    const { stdout, stderr } = context.terminal;
    const places = await (await openAccessFile(context, flags)).remove(name);
    await stdout.write(`${name}\n`);
    if (places.length > 0) {
      await stderr.write(`gantry: ${places.join(", ")} still names ${name}, and holds for whoever gets that name\n`);
    }
    return 0;
  },
});
