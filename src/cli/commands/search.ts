import type { SearchResult } from "../../api/image.ts";
import { parseReference } from "../../oci/reference.ts";
import { defineCommand } from "../command.ts";
import { listFlag, switchFlag, textFlag, valueFlag } from "../flags/flag.ts";
import { ellipsis } from "../format/human.ts";
import { type ListFormat, renderList } from "../format/render-list.ts";
import { findAuth } from "../registry/find-auth.ts";
import { collectFilters, parseFilter } from "../values/filter.ts";
import { parseInteger } from "../values/number.ts";

const DESCRIPTION_COLUMNS = 45;

function searchList(isTruncated: boolean): ListFormat<SearchResult> {
  return {
    table: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    titles: {
      Name: "NAME",
      Description: "DESCRIPTION",
      StarCount: "STARS",
      IsOfficial: "OFFICIAL",
      IsAutomated: "AUTOMATED",
    },
    fields: ({ name, description, star_count, is_official, is_automated }) => ({
      Name: name,
      Description: isTruncated ? ellipsis(description, DESCRIPTION_COLUMNS) : description,
      StarCount: String(star_count),
      IsOfficial: is_official ? "[OK]" : "",
      IsAutomated: is_automated ? "[OK]" : "",
    }),
  };
}

export const command = defineCommand({
  usage: "[OPTIONS] TERM",
  flags: {
    filter: listFlag(parseFilter, "Show those that the condition holds for (name=value)", { short: "f" }),
    format: textFlag("How to print: table, 'table TEMPLATE', json, or a Go template"),
    limit: valueFlag("int", parseInteger, "Show so many at most", { shownDefault: "25" }),
    "no-trunc": switchFlag("Do not shorten descriptions"),
  },
  arguments: { min: 1, max: 1 },
  async run({ terminal, connect }, { flags, positionals: [term = ""] }) {
    const filters = collectFilters(flags.filter);
    const api = await connect();
    const found = await api.searchImages(term, {
      ...(flags.limit === undefined ? {} : { limit: flags.limit }),
      ...(filters === undefined ? {} : { filters }),
      ...(await authOf(terminal, term)),
    });
    const format = flags.format === undefined ? {} : { format: flags.format };
    await terminal.stdout.write(renderList(found, searchList(!flags["no-trunc"]), format));
    return 0;
  },
});

/** A term may begin with a registry; what else it says need be no name. */
function authOf(terminal: Parameters<typeof findAuth>[0], term: string): ReturnType<typeof findAuth> {
  const [first = ""] = term.split("/", 1);
  return findAuth(terminal, parseReference(term.includes("/") && /[.:]|^localhost$/.test(first) ? `${first}/x` : "x"));
}
