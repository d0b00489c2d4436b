import type { Flag, FlagTable } from "./flag.ts";

const GAP = 3;
const NARROWEST_TEXT = 24;

function describe(flag: Flag): string {
  if (flag.kind === "switch" && flag.isOnByDefault) return `${flag.help} (default true)`;
  if (flag.kind === "value" && flag.shownDefault !== undefined) return `${flag.help} (default ${flag.shownDefault})`;
  return flag.help;
}

/** `text` in lines of at most `width` columns, broken at spaces. A word that is longer stands alone. */
function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === "" ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines;
}

/**
 * The list of options as a command's help shows it, ordered by name. Flags that are not there yet are left out.
 *
 * @param columns how wide a line may be.
 */
export function formatFlags(table: FlagTable, columns: number): string {
  const shown = Object.entries(table)
    .filter(([, flag]) => flag.kind !== "absent")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = shown.map(([name, flag]) => {
    const type = flag.kind === "value" || flag.kind === "list" ? ` ${flag.type}` : "";
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    return { left: `  ${short}--${name}${type}`, right: describe(flag) };
  });
  const indent = Math.max(0, ...rows.map((row) => row.left.length)) + GAP;
  const width = Math.max(NARROWEST_TEXT, columns - indent);
  return rows
    .map((row) => row.left.padEnd(indent) + wrapText(row.right, width).join(`\n${" ".repeat(indent)}`))
    .join("\n");
}
