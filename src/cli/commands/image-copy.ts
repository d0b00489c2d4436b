import type { ProgressMessage } from "../../api/image.ts";
import { familiarReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { switchFlag, textFlag } from "../flags/flag.ts";
import { formatObject } from "../format/format-object.ts";
import { showProgress } from "../streams/show-progress.ts";

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
    const [{ RegistryTools }, { parsePlatform }] = await Promise.all([
      import("../../daemon/registry-tools.ts"),
      import("../../oci/platform.ts"),
    ]);
    const events: ProgressMessage[] = [];
    let wake = Promise.withResolvers<void>();
    let isDone = false;
    const work = new RegistryTools(terminal.environment)
      .copy(from, to, {
        platform: flags.platform === undefined ? undefined : parsePlatform(flags.platform),
        withReferrers: flags.referrers,
        onProgress({ id, status, progress }) {
          const { currentBytes: current, totalBytes: total } = progress ?? {};
          const detail = current === undefined || total === undefined ? {} : { current, total };
          events.push({ status, progressDetail: detail, ...(id === undefined ? {} : { id }) });
          wake.resolve();
        },
      })
      .finally(() => {
        isDone = true;
        wake.resolve();
      });
    work.catch(() => undefined); // Told below, when what came before it has been shown.
    const messages = (async function* () {
      while (!isDone || events.length > 0) {
        const next = events.shift();
        if (next !== undefined) yield next;
        else {
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      }
    })();
    const isSilent = flags.quiet || flags.format !== undefined;
    await showProgress(messages, isSilent ? undefined : terminal.stdout, terminal);
    const { reference, target, referrers } = await work;
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
