import { defineCommand } from "../command.ts";
import { switchFlag } from "../flags/flag.ts";
import { runUpkeep, UPKEEP_FLAGS } from "../registry/run-upkeep.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: { ...UPKEEP_FLAGS, "dry-run": switchFlag("Say what would go, and leave it") },
  arguments: { min: 0, max: 0 },
  async run(context, { flags }) {
    const isDryRun = flags["dry-run"];
    const result = await runUpkeep(context, { Task: "collect", DryRun: isDryRun }, flags);
    if (result.kind !== "collected") return 0;
    const { links, blobs, freedBytes, uploads } = result;
    await context.terminal.stdout.write(
      isDryRun
        ? // What repositories have yet to cease to hold is not counted among what nothing needs.
          `would unlink ${links} blobs from their repositories, remove ${blobs} blobs of ${freedBytes} bytes that nothing needs, and ${uploads} idle uploads\n`
        : `removed ${blobs} blobs of ${freedBytes} bytes, and ${uploads} idle uploads\n`,
    );
    return 0;
  },
});
