import { defineCommand } from "../command.ts";
import { valueFlag } from "../flags/flag.ts";
import { runUpkeep, UPKEEP_FLAGS } from "../registry/run-upkeep.ts";
import { parseMemorySize } from "../values/memory-size.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  flags: {
    ...UPKEEP_FLAGS,
    rate: valueFlag("bytes", parseMemorySize, "Read no more in a second; 0 is as fast as it goes", {
      shownDefault: "as configured",
    }),
  },
  arguments: { min: 0, max: 0 },
  async run(context, { flags }) {
    const rate = flags.rate === undefined ? {} : { BytesPerSecond: flags.rate };
    const result = await runUpkeep(context, { Task: "scrub", ...rate }, flags);
    if (result.kind !== "verified") return 0;
    const { blobs, bytes, damaged, repaired, missing } = result;
    const found = damaged === 0 ? "none is damaged" : `${damaged} were damaged, ${repaired} of them repaired`;
    const before = missing === 0 ? "" : `; ${missing} of before are still missing`;
    await context.terminal.stdout.write(`verified ${blobs} blobs of ${bytes} bytes: ${found}${before}\n`);
    return damaged > repaired || missing > 0 ? 1 : 0;
  },
});
