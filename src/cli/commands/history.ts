import { defineCommand } from "../command.ts";
import { absentFlag, switchFlag, textFlag } from "../flags/flag.ts";
import { historyList } from "../format/image-list.ts";
import { renderList } from "../format/render-list.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE",
  flags: {
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    human: switchFlag("Print sizes and dates in round words", { short: "H", isOnByDefault: true }),
    "no-trunc": switchFlag("Do not shorten what is long"),
    platform: absentFlag(),
    quiet: switchFlag("Show ids alone", { short: "q" }),
  },
  arguments: { min: 1, max: 1 },
  async run({ terminal, connect }, { flags, positionals: [image = ""] }) {
    const items = await (await connect()).imageHistory(image);
    const list = historyList({ isTruncated: !flags["no-trunc"], isHuman: flags.human, terminal });
    const format = flags.format === undefined ? {} : { format: flags.format };
    await terminal.stdout.write(renderList(items, list, { ...format, quiet: flags.quiet }));
    return 0;
  },
});
