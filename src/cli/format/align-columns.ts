/** How columns are laid out. */
export interface ColumnLayout {
  /** The least columns of a cell, its padding included. */
  readonly minimumWidth: number;
  /** Spaces after the longest cell. */
  readonly padding: number;
}

/** What Docker's lists have. */
const TABLE_LAYOUT: ColumnLayout = { minimumWidth: 10, padding: 3 };

/**
 * Aligns cells, each ended by a tab, in columns, as Go's text/tabwriter does: a column is a run of lines that follow
 * each other and have a cell there, and the text after a line's last tab belongs to no column.
 */
export function alignColumns(text: string, layout: ColumnLayout = TABLE_LAYOUT): string {
  const lines = text.split("\n").map((line) => line.split("\t"));
  const widths: number[][] = lines.map(() => []);
  const columns = Math.max(0, ...lines.map((cells) => cells.length - 1));
  for (let column = 0; column < columns; column++) {
    for (let first = 0; first < lines.length; first++) {
      if ((lines[first]?.length ?? 0) - 1 <= column) continue;
      let end = first;
      let longest = 0;
      while (end < lines.length && (lines[end]?.length ?? 0) - 1 > column) {
        longest = Math.max(longest, [...(lines[end]?.[column] ?? "")].length);
        end++;
      }
      // An empty column takes no room, as with tabwriter's DiscardEmptyColumns off it still takes the minimum.
      const wanted = Math.max(layout.minimumWidth, longest + layout.padding);
      for (let line = first; line < end; line++) widths[line]?.push(wanted);
      first = end - 1;
    }
  }
  return lines
    .map((cells, line) =>
      cells
        .map((cell, column) => {
          const wanted = widths[line]?.[column];
          return column === cells.length - 1 || wanted === undefined
            ? cell
            : cell + " ".repeat(Math.max(0, wanted - [...cell].length));
        })
        .join(""),
    )
    .join("\n");
}
