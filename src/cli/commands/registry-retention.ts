import { defineCommand } from "../command.ts";
import { switchFlag } from "../flags/flag.ts";
import { runUpkeep, UPKEEP_FLAGS } from "../registry/run-upkeep.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: { ...UPKEEP_FLAGS, "dry-run": switchFlag("Say what the rules take away, and leave it") },
  arguments: { min: 0, max: 0 },
  async run(context, { flags }) {
    await runUpkeep(context, { Task: "retention", DryRun: flags["dry-run"] }, flags);
    return 0;
  },
});
