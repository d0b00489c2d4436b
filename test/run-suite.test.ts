import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, runSuite } from "../scripts/run-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "gantry-suite-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs tests that are given as text. */
async function run(
  source: string,
  signal = new AbortController().signal,
): Promise<{ readonly outcome: Outcome; readonly printed: string }> {
  const file = join(folder, "one.test.ts");
  writeFileSync(
    file,
    `import { test } from "bun:test";\nimport { spawn, spawnSync } from "node:child_process";\n${source}`,
  );
  let printed = "";
  const suite = { name: "one", command: [process.execPath, "test", file], isTestRunner: true };
  const outcome = await runSuite(suite, {
    cwd: folder,
    signal,
    leftOpenMs: 500,
    print: (text) => {
      printed += text;
    },
  });
  return { outcome, printed };
}

/** The command line of the process whose number is in a file; empty as soon as it has ended. */
function commandOf(pidFile: string): string {
  try {
    return readFileSync(`/proc/${readFileSync(pidFile, "utf8")}/cmdline`, "utf8")
      .replaceAll("\0", " ")
      .trim();
  } catch {
    return "";
  }
}

test("a suite that ends is counted, and its output is not shown", async () => {
  const { outcome, printed } = await run('test("quick", () => {}); test.skip("other", () => {});');
  expect(outcome).toEqual({ passed: 1, failed: 0, skipped: 1 });
  expect(printed).toMatch(/^ok {3}one \(1 passed, 0 failed, 1 skipped, \d+\.\d s\)\n$/);
});

test("a suite that does not end says which tests ended and where it stands, and is killed with what it started", async () => {
  const pid = join(folder, "pid");
  // Such a test's own timeout never comes.
  const source = `test("quick", () => {});
    test("stuck", () => void spawnSync("sh", ["-c", "trap '' TERM; sleep 12345 & echo -n $! >${pid}; wait"]));`;
  const late = new AbortController();
  const running = run(source, late.signal);
  while (commandOf(pid) !== "sleep 12345") await Bun.sleep(10);
  late.abort();
  const { outcome, printed } = await running;
  expect(outcome).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(printed).toContain("(pass) quick");
  expect(printed).toContain("killed: no end after ");
  expect(printed).toMatch(/^ {2}\d+ \(child of \d+, [RS], \d+ s old\): sleep 12345\n {4}1 in \S/m);
  // What is killed ends as soon as it has its turn.
  while (commandOf(pid) !== "") await Bun.sleep(10);
});

test("a suite that left what holds its output open has failed, and nobody waits for that", async () => {
  const pid = join(folder, "left");
  const source = `test("leaves", () => {
    const stdio = ["ignore", "inherit", "inherit"];
    spawnSync("sh", ["-c", "sleep 12346 & echo -n $! >${pid}"], { stdio });
  });`;
  const { outcome, printed } = await run(source);
  process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
  expect(outcome).toEqual({ passed: 1, failed: 1, skipped: 0 });
  expect(printed).toContain("holds its output open");
  expect(printed).toContain("sleep 12346");
});
