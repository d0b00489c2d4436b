import { defineCommand } from "../command.ts";
import { alignColumns } from "../format/align-columns.ts";

export const command = defineCommand({
  usage: "CONTAINER [ps OPTIONS]",
  flags: {},
  arguments: { min: 1 },
  isInterspersed: false,
  async run({ terminal, connect }, { positionals: [name = "", ...ps] }) {
    const api = await connect();
    const psArguments = ps.join(" ");
    const { Titles, Processes } = await api.topContainer(name, psArguments === "" ? {} : { psArguments });
    const lines = [Titles, ...Processes].map((cells) => cells.join("\t"));
    await terminal.stdout.write(alignColumns(`${lines.join("\n")}\n`, { minimumWidth: 20, padding: 3 }));
    return 0;
  },
});
