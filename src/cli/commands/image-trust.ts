import { GantryError } from "../../errors/gantry-error.ts";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { describeTrust, trustTable } from "../format/trust-report.ts";
import { inspectObjects } from "../inspect-objects.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [check] NAME[:TAG|@DIGEST]",
  flags: {
    format: textFlag("How to print: table, json, or a Go template", { short: "f", shownDefault: "table" }),
    json: switchFlag("Print JSON"),
    platform: textFlag("The platform, of those that the image has (linux/amd64)"),
  },
  arguments: { min: 1, max: 2 },
  async run({ terminal }, { flags, positionals }) {
    const isCheck = positionals.length === 2;
    if (isCheck && positionals[0] !== "check") {
      throw new GantryError("invalid-argument", `unknown word: ${positionals[0]}; write gantry image trust check NAME`);
    }
    const [{ TrustTools }, { parsePlatform }] = await Promise.all([
      import("../../daemon/trust-tools.ts"),
      import("../../oci/platform.ts"),
    ]);
    const tools = new TrustTools({ environment: terminal.environment });
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    const report = describeTrust(await tools.report(positionals.at(-1) ?? "", platform));
    const status = isCheck && report.Verdict === "reject" ? 1 : 0;
    const format = flags.json ? "json" : flags.format;
    if (format !== undefined && format !== "table") {
      return Math.max(status, await inspectObjects(terminal, [report.Reference], { format, find: async () => report }));
    }
    const sentence = `${report.Verdict}: image ${report.Reference} ${report.Reason}\n`;
    if (!isCheck) await terminal.stdout.write(trustTable(report));
    await (report.Verdict === "accept" || !isCheck ? terminal.stdout : terminal.stderr).write(sentence);
    return status;
  },
});
