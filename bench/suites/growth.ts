import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { alternate, runToEnd } from "../alternate.ts";
import type { BenchPeers } from "../bench-peers.ts";
import { drawPlot } from "../draw-plot.ts";
import { residentBytes } from "../memory-use.ts";
import type { Row } from "../report.ts";

const COUNTS = [1, 10, 100, 400];
const AT_ONCE = 4;

interface Point {
  readonly count: number;
  readonly runMs: number;
  readonly psMs: number;
  readonly daemonMegabytes: number;
}

/** How the cost of the next container grows with those that run. Draws `bench/growth.svg`. */
export async function benchGrowth({ gantry }: BenchPeers): Promise<readonly Row[]> {
  const { command, environment, image } = gantry;
  const [pid = 0] = gantry.daemons();
  const ids: string[] = [];
  const points: Point[] = [];
  for (const count of COUNTS) {
    while (ids.length < count) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - ids.length) }, async () => {
        const child = Bun.spawn([...command, "run", "-d", image, "sleep", "100000"], {
          stdio: ["ignore", "pipe", "inherit"],
          env: { ...process.env, ...environment },
        });
        return (await new Response(child.stdout).text()).trim();
      });
      ids.push(...(await Promise.all(some)));
    }
    const [run, ps] = await alternate(
      [
        { name: "run", run: async () => void runToEnd([...command, "run", "--rm", image, "true"], environment) },
        { name: "ps", run: async () => void runToEnd([...command, "ps"], environment) },
      ],
      { rounds: 9, warmUps: 2 },
    );
    const daemonMegabytes = residentBytes(pid) / 1e6;
    points.push({ count, runMs: run?.medianMs ?? Number.NaN, psMs: ps?.medianMs ?? Number.NaN, daemonMegabytes });
  }
  for (let at = 0; at < ids.length; at += 50) {
    runToEnd([...command, "rm", "-f", ...ids.slice(at, at + 50)], environment);
  }
  const lines = [
    { name: "next run (ms)", values: points.map((point) => point.runMs) },
    { name: "ps (ms)", values: points.map((point) => point.psMs) },
    { name: "daemon (MB resident)", values: points.map((point) => point.daemonMegabytes) },
  ];
  writeFileSync(join(import.meta.dir, "../growth.svg"), drawPlot("containers that run", COUNTS, lines));
  // The plot has those between.
  const ends = [points[0], points.at(-1)].filter((point) => point !== undefined);
  return ends.flatMap((point): Row[] => [
    { what: `next \`run --rm\` beside ${containers(point.count)}`, unit: "ms", values: { gantry: point.runMs } },
    { what: `\`ps\` beside ${containers(point.count)}`, unit: "ms", values: { gantry: point.psMs } },
    {
      what: `the daemon beside ${containers(point.count)} (resident)`,
      unit: "MB",
      values: { gantry: point.daemonMegabytes },
    },
  ]);
}

function containers(count: number): string {
  return count === 1 ? "one container" : `${count} containers`;
}
