const MIN_WIDTH = 12;
const PADDING = 3;

/** Rows in columns, as wide as Go's tabwriter makes them for runc: the last of a row is not filled up. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? MIN_WIDTH, cell.length + PADDING);
    });
  const line = (row: readonly string[]): string =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}
