const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { left: 56, right: 170, top: 16, bottom: 44 };
const COLOURS = ["#1f6feb", "#d29922", "#2da44e"];

export interface PlotLine {
  readonly name: string;
  readonly values: readonly number[];
}

/** Lines over the logarithm of x, as an SVG. */
export function drawPlot(xTitle: string, xs: readonly number[], lines: readonly PlotLine[]): string {
  const top = Math.max(...lines.flatMap((line) => line.values)) * 1.1;
  const last = Math.log10(xs.at(-1) ?? 10);
  const x = (value: number): number => MARGIN.left + (Math.log10(value) / last) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number => HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const text = (at: readonly [number, number], words: string, more = ""): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${words}</text>`;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${lines.map((line) => line.name).join(", ")} over ${xTitle}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...ticks.map(
      (tick) =>
        `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#ddd"/>`,
    ),
    ...ticks.map((tick) => text([MARGIN.left - 6, y(tick) + 4], tick.toFixed(0), 'text-anchor="end"')),
    ...xs.map((value) => text([x(value), HEIGHT - MARGIN.bottom + 18], String(value), 'text-anchor="middle"')),
    text([(MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 8], xTitle, 'text-anchor="middle"'),
    ...lines.flatMap(({ name, values }, index) => {
      const colour = COLOURS[index % COLOURS.length];
      const points = values.map((value, at) => `${x(xs[at] ?? 1).toFixed(1)},${y(value).toFixed(1)}`);
      return [
        `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        text([WIDTH - MARGIN.right + 10, MARGIN.top + 16 + index * 18], name, `fill="${colour}"`),
      ];
    }),
    "</svg>\n",
  ].join("\n");
}
