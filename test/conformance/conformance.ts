/**
 * Suites that others wrote, run against Gantry:
 *
 *     npm run conformance -- runtime                            opencontainers/runtime-tools (needs Go)
 *     npm run conformance -- runtime hooks                      only its programs whose names have the word
 *     npm run conformance -- runtime --runtime /usr/sbin/runc   against another runtime
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runRuntimeSuite } from "./runtime/run-suite.ts";

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { runtime: { type: "string" } },
  allowPositionals: true,
});
const [suite, ...words] = positionals;
if (suite !== "runtime") {
  process.stderr.write(
    `conformance: ${suite === undefined ? "name a suite" : `there is no suite ${suite}`}: runtime\n`,
  );
  process.exit(1);
}
if (process.getuid?.() !== 0) {
  process.stderr.write("conformance: the suite of runtimes needs root\n");
  process.exit(1);
}
const runtime = values.runtime ?? join(import.meta.dirname, "../../bin/gantry-runc");
const { passed, failed, excepted } = runRuntimeSuite({ runtime, words });
process.stdout.write(`${passed} passed, ${failed} failed, ${excepted} excepted\n`);
process.exit(failed === 0 ? 0 : 1);
