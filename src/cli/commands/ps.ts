import { defineCommand } from "../command.ts";
import { listFlag, switchFlag, textFlag, valueFlag } from "../flags/flag.ts";
import { containerList } from "../format/container-list.ts";
import { renderList } from "../format/render-list.ts";
import { collectFilters, parseFilter } from "../values/filter.ts";
import { parseInteger } from "../values/number.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    all: switchFlag("Show all containers, not those alone that run", { short: "a" }),
    filter: listFlag(parseFilter, "Show those that the condition holds for (name=value)", { short: "f" }),
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    last: valueFlag("int", parseInteger, "Show the last n that were created", { short: "n" }),
    latest: switchFlag("Show the last that was created", { short: "l" }),
    "no-trunc": switchFlag("Do not shorten ids and commands"),
    quiet: switchFlag("Show ids alone", { short: "q" }),
    size: switchFlag("Show sizes", { short: "s" }),
  },
  arguments: { min: 0, max: 0 },
  async run({ terminal, connect }, { flags }) {
    const limit = flags.latest ? 1 : (flags.last ?? -1);
    const filters = collectFilters(flags.filter);
    // A template that shows the size needs it computed.
    const isSizeUsed = flags.size || /\.Size\b/.test(flags.format ?? "");
    const api = await connect();
    const containers = await api.listContainers({
      all: flags.all || limit > 0,
      size: isSizeUsed,
      ...(limit > 0 ? { limit } : {}),
      ...(filters === undefined ? {} : { filters }),
    });
    const list = containerList({ isTruncated: !flags["no-trunc"], hasSize: flags.size, terminal });
    const format = flags.format === undefined ? {} : { format: flags.format };
    await terminal.stdout.write(renderList(containers, list, { ...format, quiet: flags.quiet }));
    return 0;
  },
});
