import { ApiError } from "../../api/api-error.ts";
import { defineCommand } from "../command.ts";
import { errorLine } from "../error-line.ts";
import { absentFlag, switchFlag } from "../flags/flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    force: switchFlag("Remove the image even if containers that do not run use it", { short: "f" }),
    "no-prune": switchFlag("Keep images without a name that it builds on"),
    platform: absentFlag(),
  },
  arguments: { min: 1 },
  async run({ terminal, connect }, { flags, positionals }) {
    const api = await connect();
    let status = 0;
    for (const name of positionals) {
      try {
        const items = await api.removeImage(name, { force: flags.force, noPrune: flags["no-prune"] });
        const lines = items.map(({ Untagged, Deleted }) =>
          Deleted === undefined ? `Untagged: ${Untagged}\n` : `Deleted: ${Deleted}\n`,
        );
        await terminal.stdout.write(lines.join(""));
      } catch (error) {
        await terminal.stderr.write(`${errorLine(error)}\n`);
        const isGone = error instanceof ApiError && error.code === "not-found";
        if (!(flags.force && isGone)) status = 1;
      }
    }
    return status;
  },
});
