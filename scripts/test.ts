/**
 * The whole test suite, for people and for CI: `npm test`, or `npm test -- PATTERN…` for the files whose path holds a pattern.
 *
 * Each file below `test/integration` and `test/e2e` runs in a process of its own, two at a time; the tests beside the
 * code run together. The last line counts tests: `N passed, N failed, N skipped`. With `--within SECONDS` the whole ends by
 * then; what has not ended is killed, and says where it stood.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Outcome, runSuite, type Suite } from "./run-suite.ts";

const root = join(import.meta.dir, "..");
const { values, positionals: patterns } = parseArgs({
  options: { within: { type: "string", default: "Infinity" } },
  allowPositionals: true,
});
const withinSeconds = Number(values.within);
if (!(withinSeconds > 0)) {
  process.stderr.write(`--within ${values.within}: a number of seconds above 0 is wanted\n`);
  process.exit(1);
}
const parallelism = 2;
const suiteTimeoutMs = 600_000;
const endsAt = performance.now() + withinSeconds * 1000;

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => `${folder}/${name}`)
    .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
    .sort();
}

/** What takes minutes and packages of its own is run by `npm run test:vm`, or when it is named. */
function vmFiles(): string[] {
  return patterns.length === 0 ? [] : testFiles("test/vm");
}

function bunTest(paths: readonly string[], timeoutMs: number): string[] {
  return [process.execPath, "test", `--timeout=${timeoutMs}`, ...paths.map((path) => `./${path}`)];
}

async function runInTime(suite: Suite): Promise<Outcome> {
  const timeoutMs = Math.min(suiteTimeoutMs, endsAt - performance.now());
  const print = (text: string): void => void process.stdout.write(text);
  if (timeoutMs > 0) return runSuite(suite, { cwd: root, signal: AbortSignal.timeout(timeoutMs), print });
  print(`FAIL ${suite.name} (not begun: the ${withinSeconds} s were over)\n`);
  return { passed: 0, failed: 1, skipped: 0 };
}

async function runAll(suites: readonly Suite[], width: number): Promise<Outcome[]> {
  const queue = [...suites];
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let suite = queue.shift(); suite !== undefined; suite = queue.shift()) outcomes.push(await runInTime(suite));
    }),
  );
  return outcomes;
}

function whole(name: string, command: readonly string[]): Suite[] {
  return patterns.length === 0 || patterns.some((pattern) => name.includes(pattern))
    ? [{ name, command, isTestRunner: false }]
    : [];
}

if (patterns.length === 0 && process.getuid?.() === 0) {
  const install = Bun.spawn(["sh", join(root, "scripts/install-test-tools.sh")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await install.exited) !== 0)
    process.stdout.write("some test tools could not be installed: tests that need them are skipped\n");
}

const beside = [
  ...testFiles("src"),
  ...testFiles("test").filter((path) => path.split("/").length === 2),
  ...testFiles("test/conformance"),
];
const overS3 = whole("registry over S3", [process.execPath, "scripts/test-s3.ts"]).map((suite) => ({
  ...suite,
  isTestRunner: true,
}));
const outcomes = [
  ...(await runAll(whole("checks (types, lint)", [process.execPath, "scripts/check.ts"]), 1)),
  ...(await runAll(
    beside.length === 0 ? [] : [{ name: "beside the code", command: bunTest(beside, 30_000), isTestRunner: true }],
    1,
  )),
  ...(await runAll(
    [...testFiles("test/integration"), ...testFiles("test/e2e"), ...vmFiles()].map((path) => ({
      name: path,
      command: bunTest([path], 120_000),
      isTestRunner: true,
    })),
    parallelism,
  )),
  ...(await runAll(overS3, 1)),
  ...(await runAll(whole("fuzz", [process.execPath, "scripts/fuzz-native.ts"]), 1)),
];

const total = outcomes.reduce(
  (sum, one) => ({
    passed: sum.passed + one.passed,
    failed: sum.failed + one.failed,
    skipped: sum.skipped + one.skipped,
  }),
  { passed: 0, failed: 0, skipped: 0 },
);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exit(total.failed === 0 ? 0 : 1);
