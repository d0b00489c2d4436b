import { defineCommand } from "../command.ts";
import { switchFlag, textFlag, valueFlag } from "../flags/flag.ts";
import { humanSize } from "../format/human.ts";
import { type ListFormat, renderList } from "../format/render-list.ts";
import { parseNatural } from "../values/number.ts";

interface Row {
  readonly tag: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number | undefined;
}

const NONE = "<none>";

function tagList(hasDigests: boolean): ListFormat<Row> {
  return {
    table: hasDigests ? "{{.Tag}}\t{{.Digest}}\t{{.MediaType}}\t{{.Size}}" : "{{.Tag}}",
    quiet: "{{.Tag}}",
    titles: { Tag: "TAG", Digest: "DIGEST", MediaType: "MEDIA TYPE", Size: "MANIFEST" },
    fields: ({ tag, digest, mediaType, size }) => ({
      Tag: tag,
      ...(hasDigests
        ? { Digest: digest, MediaType: mediaType, Size: size === undefined ? "N/A" : humanSize(size) }
        : {}),
    }),
  };
}

export const command = defineCommand({
  usage: "[OPTIONS] REPOSITORY[:TAG]",
  flags: {
    digests: switchFlag("Show what each tag stands for"),
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    limit: valueFlag("int", parseNatural, "Show so many at most"),
    quiet: switchFlag("Print tags alone", { short: "q" }),
  },
  arguments: { min: 1, max: 1 },
  async run({ terminal }, { flags, positionals: [name = ""] }) {
    const { RemoteRegistryTools } = await import("../../daemon/remote-registry-tools.ts");
    const hasDigests = flags.digests || /\.(Digest|MediaType|Size)\b/.test(flags.format ?? "");
    const tags = await new RemoteRegistryTools(terminal.environment).tags(name, {
      withDigests: hasDigests,
      ...(flags.limit === undefined ? {} : { limit: flags.limit }),
    });
    const rows = tags.map(({ tag, target }) => ({
      tag,
      digest: target?.digest ?? NONE,
      mediaType: target?.mediaType ?? NONE,
      size: target?.size,
    }));
    const format = flags.format === undefined ? {} : { format: flags.format };
    await terminal.stdout.write(renderList(rows, tagList(hasDigests), { ...format, quiet: flags.quiet }));
    return 0;
  },
});
