/**
 * The whole test suite, for people and for CI: `npm test`, or `npm test -- PATTERN…` for the files whose path holds a pattern.
 *
 * Each file below `test/integration` and `test/e2e` runs in a process of its own, two at a time; the tests beside the
 * code run together. The last line counts tests: `N passed, N failed, N skipped`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  /** Prints how many tests passed; anything else counts as one test. */
  readonly isTestRunner: boolean;
}

const root = join(import.meta.dir, "..");
const patterns = process.argv.slice(2);
const parallelism = 2;
const suiteTimeoutMs = 600_000;

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

function countIn(output: string, word: string): number {
  return Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
}

async function runSuite(suite: Suite): Promise<Outcome> {
  const startedAt = performance.now();
  const child = Bun.spawn([...suite.command], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FORCE_COLOR: "0" },
    timeout: suiteTimeoutMs,
  });
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const output = `${stdout}\n${stderr}`;
  const counted = suite.isTestRunner
    ? { passed: countIn(output, "pass"), failed: countIn(output, "fail"), skipped: countIn(output, "skip") }
    : { passed: status === 0 ? 1 : 0, failed: 0, skipped: 0 };
  // A runner that dies counts as one failure, also when no test of it failed.
  const failed = status !== 0 && counted.failed === 0 ? 1 : counted.failed;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const ok = failed === 0;
  process.stdout.write(
    `${ok ? "ok  " : "FAIL"} ${suite.name} (${counted.passed} passed, ${failed} failed, ${counted.skipped} skipped, ${seconds} s)\n`,
  );
  if (!ok) process.stdout.write(`${output.trim()}\n`);
  else for (const [reason] of output.matchAll(/^skipped: .*$/gm)) process.stdout.write(`     ${reason}\n`);
  return { passed: counted.passed, failed, skipped: counted.skipped };
}

async function runAll(suites: readonly Suite[], width: number): Promise<Outcome[]> {
  const queue = [...suites];
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let suite = queue.shift(); suite !== undefined; suite = queue.shift()) outcomes.push(await runSuite(suite));
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
