/** One process of tests. It ends in time: what does not is killed, and its output says where it stood. */
import { describeProcesses, listProcesses, readTicks, treeOf } from "./describe-processes.ts";

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  /** Prints how many tests passed; anything else counts as one test. */
  readonly isTestRunner: boolean;
}

export interface RunSuiteOptions {
  readonly cwd: string;
  /** Ends what has not ended by then. */
  readonly signal: AbortSignal;
  /** How long a process that a suite left behind may hold its output open. @default 5000 */
  readonly leftOpenMs?: number;
  print(text: string): void;
}

function countIn(output: string, word: string): number {
  return Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
}

/** What a stream has given so far, whether or not it ends. */
function collect(stream: ReadableStream<Uint8Array>): { readonly ended: Promise<void>; text(): string } {
  const decoder = new TextDecoder();
  let text = "";
  const drain = async (): Promise<void> => {
    for await (const bytes of stream) text += decoder.decode(bytes, { stream: true });
  };
  return { ended: drain(), text: () => text };
}

async function isBefore(signal: AbortSignal, what: Promise<unknown>): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const give = (): void => resolve(false);
  signal.addEventListener("abort", give);
  if (signal.aborted) give();
  const done = await Promise.race([what.then(() => true), promise]);
  signal.removeEventListener("abort", give);
  return done;
}

function killTree(root: number): void {
  for (const pid of treeOf(root, listProcesses()))
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
}

/** Runs a suite to its end, and prints how it went; its output only if it failed. */
export async function runSuite(suite: Suite, options: RunSuiteOptions): Promise<Outcome> {
  const { cwd, signal, leftOpenMs = 5_000, print } = options;
  const startedAt = performance.now();
  const startTicks = readTicks();
  const elapsed = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  const stand = (): string =>
    `What began since and is still there:\n${describeProcesses(listProcesses().filter(({ startTime }) => startTime >= startTicks))}`;
  const child = Bun.spawn([...suite.command], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  const streams = [collect(child.stdout), collect(child.stderr)];
  const problems: string[] = [];
  if (!(await isBefore(signal, child.exited))) {
    problems.push(`killed: no end after ${elapsed()}. ${stand()}`);
    killTree(child.pid);
  }
  const closed = Promise.all([child.exited, ...streams.map(({ ended }) => ended)]);
  if (!(await isBefore(AbortSignal.timeout(leftOpenMs), closed)))
    problems.push(`something that it left holds its output open. ${stand()}`);
  const output = [...streams.map(({ text }) => text()), ...problems].join("\n");
  const counted = suite.isTestRunner
    ? { passed: countIn(output, "pass"), failed: countIn(output, "fail"), skipped: countIn(output, "skip") }
    : { passed: child.exitCode === 0 ? 1 : 0, failed: 0, skipped: 0 };
  // A runner that dies counts as one failure, also when no test of it failed.
  const isBad = child.exitCode !== 0 || problems.length > 0;
  const failed = isBad && counted.failed === 0 ? 1 : counted.failed;
  const ok = failed === 0;
  print(
    `${ok ? "ok  " : "FAIL"} ${suite.name} (${counted.passed} passed, ${failed} failed, ${counted.skipped} skipped, ${elapsed()})\n`,
  );
  if (!ok) print(`${output.trim()}\n`);
  else for (const [reason] of output.matchAll(/^skipped: .*$/gm)) print(`     ${reason}\n`);
  return { passed: counted.passed, failed, skipped: counted.skipped };
}
