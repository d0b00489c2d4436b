/**
 * Gantry beside what is installed of docker, podman, runc and crun, in alternating runs:
 *
 *     npm run bench                     all of it, about ten minutes
 *     npm run bench -- run burst        some of it
 *     npm run bench -- --write          and put the table into the README
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { type BenchPeers, openPeers } from "./bench-peers.ts";
import { formatTable, type Row, writeInto } from "./report.ts";
import { benchBurst } from "./suites/burst.ts";
import { benchFilter } from "./suites/filter.ts";
import { benchGrowth } from "./suites/growth.ts";
import { benchPull } from "./suites/pull.ts";
import { benchRun } from "./suites/run.ts";
import { benchRuntime } from "./suites/runtime.ts";

const SUITES: Readonly<Record<string, (peers: BenchPeers) => Promise<readonly Row[]>>> = {
  run: benchRun,
  runtime: benchRuntime,
  burst: benchBurst,
  pull: benchPull,
  growth: benchGrowth,
  filter: benchFilter,
};

const asked = process.argv.slice(2).filter((word) => word !== "--write");
const unknown = asked.filter((name) => SUITES[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(`bench: there is no ${unknown.join(", ")}: choose of ${Object.keys(SUITES).join(", ")}\n`);
  process.exit(1);
}
await using peers = await openPeers();
const rows: Row[] = [];
for (const [name, suite] of Object.entries(SUITES)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  process.stderr.write(`bench: ${name}…\n`);
  rows.push(...(await suite(peers)));
}
const versions = [peers.gantry, ...peers.engines].map(({ name, version }) => `${name} ${version}`).join(", ");
const machine = `${cpus().length} × ${cpus()[0]?.model ?? "?"}, medians of alternating runs: ${versions}.`;
const table = `\n${formatTable(rows)}\n\n${machine}\n`;
process.stdout.write(table);
if (process.argv.includes("--write")) writeInto(join(import.meta.dir, "../README.md"), table);
