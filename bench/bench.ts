/**
 * Gantry beside what is installed of docker, podman, runc and crun, in alternating runs:
 *
 *     npm run bench                     all of it, some twenty minutes
 *     npm run bench -- run burst        some of it
 *     npm run bench -- registry          the registry beside docker-registry, distribution and zot
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
import { benchRegistry, REGISTRY_NOTE } from "./suites/registry.ts";
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

/** Needs no engine, and has a table of its own. */
const REGISTRY = "registry";

const asked = process.argv.slice(2).filter((word) => word !== "--write");
const unknown = asked.filter((name) => name !== REGISTRY && SUITES[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(
    `bench: there is no ${unknown.join(", ")}: choose of ${[...Object.keys(SUITES), REGISTRY].join(", ")}\n`,
  );
  process.exit(1);
}
const isAsked = (name: string): boolean => asked.length === 0 || asked.includes(name);
const parts: string[] = [];
if (Object.keys(SUITES).some(isAsked)) {
  await using peers = await openPeers();
  const rows: Row[] = [];
  for (const [name, suite] of Object.entries(SUITES)) {
    if (!isAsked(name)) continue;
    process.stderr.write(`bench: ${name}…\n`);
    rows.push(...(await suite(peers)));
  }
  parts.push(formatTable(rows), describe([peers.gantry, ...peers.engines]));
}
if (isAsked(REGISTRY)) {
  const { rows, peers } = await benchRegistry();
  parts.push(formatTable(rows), describe(peers), REGISTRY_NOTE);
}
const text = `\n${parts.join("\n\n")}\n`;
process.stdout.write(text);
if (process.argv.includes("--write")) writeInto(join(import.meta.dir, "../README.md"), text);

function describe(peers: readonly { readonly name: string; readonly version: string }[]): string {
  const versions = peers.map(({ name, version }) => `${name} ${version}`).join(", ");
  return `${cpus().length} × ${cpus()[0]?.model ?? "?"}, medians of alternating runs: ${versions}.`;
}
