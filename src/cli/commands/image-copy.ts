import type { ProgressMessage } from "../../api/image.ts";
import type { CopiedName, CopyProgress } from "../../daemon/remote-registry-tools.ts";
import { familiarReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { formatObject } from "../format/format-object.ts";
import { showProgress } from "../streams/show-progress.ts";
import { whileWorking } from "../streams/while-working.ts";

function toMessage({ id, status, progress }: CopyProgress): ProgressMessage {
  const progressDetail = progress === undefined ? {} : { current: progress.currentBytes, total: progress.totalBytes };
  return { status, progressDetail, ...(id === undefined ? {} : { id }) };
}

export const command = defineCommand({
  usage: "[OPTIONS] SOURCE[:TAG|@DIGEST] TARGET[:TAG]",
  flags: {
    format: textFlag("Print what was copied: json, or a Go template"),
    platform: textFlag("Of an image for several platforms, copy this one alone (linux/amd64)"),
    quiet: switchFlag("Print the digest alone", { short: "q" }),
    referrers: switchFlag("Copy signatures and whatever else refers to the image, too"),
  },
  arguments: { min: 2, max: 2 },
  async run({ terminal }, { flags, positionals: [from = "", to = ""] }) {
    const [{ RemoteRegistryTools }, { parsePlatform }] = await Promise.all([
      import("../../daemon/remote-registry-tools.ts"),
      import("../../oci/platform.ts"),
    ]);
    const tools = new RemoteRegistryTools(terminal.environment);
    const platform = flags.platform === undefined ? undefined : parsePlatform(flags.platform);
    const { messages, result } = whileWorking<ProgressMessage, CopiedName>((tell) =>
      tools.copy(from, to, { platform, withReferrers: flags.referrers, onProgress: (event) => tell(toMessage(event)) }),
    );
    const isSilent = flags.quiet || flags.format !== undefined;
    await showProgress(messages, isSilent ? undefined : terminal.stdout, terminal);
    const { reference, target, referrers } = await result;
    const name = familiarReference(reference);
    if (flags.format !== undefined) {
      const { digest, mediaType, size } = target;
      const copied = { Name: name, Digest: digest, MediaType: mediaType, Size: size, Referrers: referrers };
      await terminal.stdout.write(formatObject(copied, flags.format));
    } else if (flags.quiet) await terminal.stdout.write(`${target.digest}\n`);
    else {
      const also = referrers === 0 ? "" : `, with ${referrers} that ${referrers === 1 ? "refers" : "refer"} to it`;
      await terminal.stdout.write(`${name}: digest: ${target.digest} size: ${target.size}${also}\n`);
    }
    return 0;
  },
});
