import { defineCommand } from "../command.ts";
import { switchFlag } from "../flags/flag.ts";
import { runUpkeep, UPKEEP_FLAGS } from "../registry/run-upkeep.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: { ...UPKEEP_FLAGS, "dry-run": switchFlag("Say what the rules take away, and leave it") },
  arguments: { min: 0, max: 0 },
  async run(context, { flags }) {
    const isDryRun = flags["dry-run"];
    const result = await runUpkeep(context, { Task: "retention", DryRun: isDryRun }, flags);
    if (result.kind !== "retained") return 0;
    const { tags, manifests, grace } = result;
    await context.terminal.stdout.write(
      `${isDryRun ? "would remove" : "removed"} ${tags} tags and ${manifests} manifests; what was pushed or pulled within ${grace} stays\n`,
    );
    return 0;
  },
});
