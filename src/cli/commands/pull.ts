import { formatReference, parseReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { absentSwitch, switchFlag, textFlag } from "../flags/flag.ts";
import { findAuth } from "../registry/find-auth.ts";
import { showProgress } from "../streams/show-progress.ts";
import { splitImageName } from "../values/image-name.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  flags: {
    "all-tags": absentSwitch({ short: "a" }),
    "disable-content-trust": absentSwitch({ harmless: [undefined, "true", "1"] }),
    platform: textFlag("The platform, of those that the image has (linux/amd64)"),
    quiet: switchFlag("Print the name alone", { short: "q" }),
  },
  arguments: { min: 1, max: 1 },
  async run({ terminal, connect }, { flags, positionals: [name = ""] }) {
    const reference = parseReference(name);
    const api = await connect();
    if (reference.tag === undefined && reference.digest === undefined && !flags.quiet) {
      await terminal.stdout.write("Using default tag: latest\n");
    }
    const progress = await api.pullImage({
      ...splitImageName(name),
      ...(await findAuth(terminal, reference)),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
    });
    await showProgress(progress, flags.quiet ? undefined : terminal.stdout, terminal);
    await terminal.stdout.write(`${formatReference(reference)}\n`);
    return 0;
  },
});
