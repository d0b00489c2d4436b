import { defineCommand } from "../command.ts";
import { absentSwitch, listFlag, switchFlag, textFlag } from "../flags/flag.ts";
import { imageLines, imageList } from "../format/image-list.ts";
import { renderList } from "../format/render-list.ts";
import { collectFilters, parseFilter } from "../values/filter.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  flags: {
    all: switchFlag("Show images without a name that others build on, too", { short: "a" }),
    digests: switchFlag("Show digests"),
    filter: listFlag(parseFilter, "Show those that the condition holds for (name=value)", { short: "f" }),
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    "no-trunc": switchFlag("Do not shorten ids"),
    quiet: switchFlag("Show ids alone", { short: "q" }),
    tree: absentSwitch(),
  },
  arguments: { min: 0, max: 1 },
  async run({ terminal, connect }, { flags, positionals: [reference] }) {
    const wanted = reference === undefined ? [] : [{ name: "reference", value: reference }];
    const filters = collectFilters([...flags.filter, ...wanted]);
    const api = await connect();
    const images = await api.listImages({ all: flags.all, ...(filters === undefined ? {} : { filters }) });
    const hasDigests = flags.digests || /\.Digest\b/.test(flags.format ?? "");
    const lines = images.flatMap((image) => imageLines(image, hasDigests));
    const list = imageList({ isTruncated: !flags["no-trunc"], hasDigests: flags.digests, terminal });
    const format = flags.format === undefined ? {} : { format: flags.format };
    await terminal.stdout.write(renderList(lines, list, { ...format, quiet: flags.quiet }));
    return 0;
  },
});
