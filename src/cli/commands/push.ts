import { DEFAULT_TAG, familiarRepository, parseReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { absentSwitch, switchFlag, textFlag } from "../flags/flag.ts";
import { findAuth } from "../registry/find-auth.ts";
import { showProgress } from "../streams/show-progress.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG]",
  flags: {
    "all-tags": switchFlag("Push all tags of the repository", { short: "a" }),
    "disable-content-trust": absentSwitch({ harmless: [undefined, "true", "1"] }),
    platform: textFlag("Push this platform alone, as an image of its own (linux/amd64)"),
    quiet: switchFlag("Print the name alone", { short: "q" }),
  },
  arguments: { min: 1, max: 1 },
  async run({ terminal, connect }, { flags, positionals: [name = ""] }) {
    const reference = parseReference(name);
    const isAll = flags["all-tags"];
    if (isAll && (reference.tag !== undefined || reference.digest !== undefined)) {
      throw new Error("tag can't be used with --all-tags/-a");
    }
    const api = await connect();
    if (!isAll && reference.tag === undefined && reference.digest === undefined && !flags.quiet) {
      await terminal.stdout.write("Using default tag: latest\n");
    }
    const { tag = DEFAULT_TAG, digest } = reference;
    const repository = familiarRepository(reference);
    const progress = await api.pushImage(digest === undefined ? repository : name, {
      ...(isAll || digest !== undefined ? {} : { tag }),
      ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      ...(await findAuth(terminal, reference)),
    });
    await showProgress(progress, flags.quiet ? undefined : terminal.stdout, terminal);
    if (flags.quiet) await terminal.stdout.write(`${repository}${isAll ? "" : `:${tag}`}\n`);
    return 0;
  },
});
