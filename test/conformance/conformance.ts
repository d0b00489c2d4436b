/**
 * Suites that others wrote, run against Gantry:
 *
 *     npm run conformance -- registry                           opencontainers/distribution-spec (needs Go)
 *     npm run conformance -- registry --url http://HOST:PORT    against another registry
 *     npm run conformance -- registry --s3                      with blobs in a bucket (see scripts/install-s3-server.sh)
 *     npm run conformance -- runtime                            opencontainers/runtime-tools (needs Go)
 *     npm run conformance -- runtime hooks                      only its programs whose names have the word
 *     npm run conformance -- runtime --runtime /usr/sbin/runc   against another runtime
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runRegistrySuite } from "./registry/run-suite.ts";
import { runRuntimeSuite } from "./runtime/run-suite.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { runtime: { type: "string" }, url: { type: "string" }, s3: { type: "boolean" } },
  allowPositionals: true,
});

const SUITES: Readonly<Record<string, (words: readonly string[]) => Promise<boolean>>> = { runtime, registry };

async function runtime(words: readonly string[]): Promise<boolean> {
  if (process.getuid?.() !== 0) throw new Error("the suite of runtimes needs root");
  const program = values.runtime ?? join(import.meta.dirname, "../../bin/gantry-runc");
  const { passed, failed, excepted } = runRuntimeSuite({ runtime: program, words });
  process.stdout.write(`${passed} passed, ${failed} failed, ${excepted} excepted\n`);
  return failed === 0;
}

/** There is nothing that our registry may skip. */
async function registry(): Promise<boolean> {
  const { passed, failed, skipped } = await runRegistrySuite({
    ...(values.url === undefined ? {} : { url: values.url }),
    isInBucket: values.s3 === true,
  });
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0 && skipped === 0;
}

const [name, ...words] = positionals;
const suite = SUITES[name ?? ""];
if (suite === undefined) {
  const what = name === undefined ? "name a suite" : `there is no suite ${name}`;
  process.stderr.write(`conformance: ${what}: ${Object.keys(SUITES).join(", ")}\n`);
  process.exit(1);
}
try {
  process.exit((await suite(words)) ? 0 : 1);
} catch (error) {
  process.stderr.write(`conformance: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
